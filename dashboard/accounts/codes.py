"""One-time codes (TOTP, RFC 6238), recovery codes, and the setup code an administrator hands out."""

import secrets
import uuid
from datetime import datetime, timedelta

import pyotp
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from base.db import keys
from base.errors import Refused
from dashboard.accounts.passwords import of
from dashboard.models import Credential, RecoveryCode

STEP_S = 30
RECOVERY_CODES = 10
SETUP_GOOD_FOR = timedelta(hours=24)
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another


def new_totp(session: Session, staff_id: uuid.UUID) -> str:
    """A fresh secret that counts once a code of it was typed (`confirm_totp`)."""
    found = of(session, staff_id)
    if found.totp_confirmed_at:
        raise Refused("a one-time code is set up already; take it away first")
    found.totp_secret = found.totp_secret or pyotp.random_base32()
    return found.totp_secret


def drop_unconfirmed(session: Session, staff_id: uuid.UUID) -> None:
    """Forget a secret that was shown and never confirmed."""
    found = of(session, staff_id)
    if not found.totp_confirmed_at:
        found.totp_secret = None


def address(secret: str, name: str, service: str) -> str:
    """What the QR code says to an authenticator app."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=service)


def confirm_totp(session: Session, staff_id: uuid.UUID, code: str, now: datetime) -> bool:
    """Whether the first code fits; from then on it is asked for."""
    found = of(session, staff_id)
    if not _use(session, found, code, now):
        return False
    found.totp_confirmed_at = found.totp_confirmed_at or now
    return True


def remove_totp(session: Session, staff_id: uuid.UUID) -> None:
    """No one-time code any more."""
    found = of(session, staff_id)
    found.totp_secret = found.totp_confirmed_at = None


def totp_fits(session: Session, staff_id: uuid.UUID, code: str, now: datetime) -> bool:
    """Whether the code is right now, or was half a minute ago; each is accepted once, also by two processes."""
    found = of(session, staff_id)
    return found.totp_confirmed_at is not None and _use(session, found, code, now)


def _use(session: Session, found: Credential, code: str, now: datetime) -> bool:
    digits = "".join(code.split())
    if not found.totp_secret or len(digits) != 6 or not digits.isascii() or not digits.isdecimal():
        return False
    totp, current = pyotp.TOTP(found.totp_secret), int(now.timestamp()) // STEP_S
    right = [s for s in (current - 1, current, current + 1) if secrets.compare_digest(totp.generate_otp(s), digits)]
    fresh = [step for step in right if step > found.totp_step]
    if not fresh:
        return False
    found.totp_step = max(fresh)  # the row is locked (`of`)
    session.flush()
    return True


def new_recovery(session: Session, staff_id: uuid.UUID) -> list[str]:
    """Ten fresh codes, shown once; the old ones are gone."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    made = [_random(10) for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(staff_id=staff_id, hash=_hash(staff_id, code)) for code in made)
    return [f"{code[:5]}-{code[5:]}" for code in made]


def recovery_fits(session: Session, staff_id: uuid.UUID, code: str, now: datetime) -> bool:
    """Whether this is one of the codes that are left; it is used up by this."""
    mine = update(RecoveryCode).where(RecoveryCode.hash == _hash(staff_id, code), RecoveryCode.used_at.is_(None))
    return session.execute(mine.values(used_at=now).returning(RecoveryCode.id)).first() is not None


def recovery_left(session: Session, staff_id: uuid.UUID) -> int:
    """How many recovery codes are unused."""
    mine = select(RecoveryCode.id).where(RecoveryCode.staff_id == staff_id, RecoveryCode.used_at.is_(None))
    return len(session.scalars(mine).all())


def new_setup(session: Session, staff_id: uuid.UUID, now: datetime) -> str:
    """A code to hand to somebody in person: with it, within a day, they choose a password and set up a second proof."""
    found, code = of(session, staff_id), _random(12)
    found.setup_hash, found.setup_until = _hash(staff_id, code), now + SETUP_GOOD_FOR
    return "-".join(code[i : i + 4] for i in (0, 4, 8))


def setup_fits(session: Session, staff_id: uuid.UUID, code: str, now: datetime) -> bool:
    """Whether this is the setup code. It is good until `setup_done`: who was interrupted goes on with it."""
    found = of(session, staff_id)
    if not found.setup_hash or not found.setup_until or found.setup_until < now:
        return False
    return secrets.compare_digest(bytes(found.setup_hash), _hash(staff_id, code))


def setup_done(session: Session, staff_id: uuid.UUID) -> None:
    """A second proof is there: the setup code opens nothing any more."""
    found = of(session, staff_id)
    found.setup_hash = found.setup_until = None


def _random(letters: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(letters))


def _hash(staff_id: uuid.UUID, code: str) -> bytes:
    return keys().lookup("staff code", str(staff_id), "".join(c for c in code.lower() if c.isalnum()))
