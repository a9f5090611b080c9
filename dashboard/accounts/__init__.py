"""Signing in, without Flask: passwords, one-time codes, passkeys, recovery codes, throttle, sessions."""

import uuid

from sqlalchemy import delete
from sqlalchemy.orm import Session

from dashboard.accounts import codes, passkeys, passwords, sessions, throttle
from dashboard.models import Passkey, RecoveryCode, SignInStep
from oncall.models import Staff

__all__ = ["codes", "forget_proofs", "forget_steps", "passkeys", "passwords", "sessions", "throttle"]


def forget_proofs(session: Session, staff_id: uuid.UUID) -> None:
    """Take away everything by which somebody could sign in (a lost phone, a known password)."""
    known = passwords.of(session, staff_id)
    known.password_hash = known.totp_secret = known.totp_confirmed_at = known.setup_hash = None
    session.execute(delete(Passkey).where(Passkey.staff_id == staff_id))
    session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    session.get_one(Staff, staff_id).ministry_lookup = None
    forget_steps(session, staff_id)


def forget_steps(session: Session, staff_id: uuid.UUID) -> None:
    """Whoever has begun to sign in begins again."""
    session.execute(delete(SignInStep).where(SignInStep.staff_id == staff_id))
