"""Passkeys (WebAuthn, by py_webauthn). A passkey asks for the phone's own lock, so that it is two proofs in one."""

import ipaddress
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import webauthn
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from base.errors import InvalidInput, Refused
from dashboard.models import Passkey, SignInStep
from oncall.models import Staff

STEP_GOOD_FOR = timedelta(minutes=5)


@dataclass(frozen=True)
class Site:
    """What a passkey is bound to: the staff site's name and address."""

    host: str
    origins: tuple[str, ...]
    name: str


def site(url: str, name: str) -> Site:
    """The site at an address. On this machine the name is `localhost`: passkeys know no numbers."""
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port
    try:
        ipaddress.ip_address(host)
        host = "localhost"
    except ValueError:
        pass
    return Site(host, (f"{parts.scheme or 'http'}://{host}{f':{port}' if port else ''}",), name)


def begin_register(session: Session, who: Staff, at: Site, now: datetime) -> tuple[uuid.UUID, str]:
    """Ask for a new passkey: the step's id and the question for the browser (JSON)."""
    known = [PublicKeyCredentialDescriptor(id=bytes(one.credential_id)) for one in of(session, who.id)]
    options = webauthn.generate_registration_options(
        rp_id=at.host,
        rp_name=at.name,
        user_id=who.id.bytes,
        user_name=who.name,
        exclude_credentials=known,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return step(session, "register", now, who.id, options.challenge), webauthn.options_to_json(options)


def register(
    session: Session, who: Staff, step_id: uuid.UUID, answer: dict[str, Any], name: str, at: Site, now: datetime
) -> Passkey:
    """Keep the passkey a browser made; InvalidInput when its answer does not fit the question."""
    asked = take(session, step_id, "register", now)
    if asked is None or asked.staff_id != who.id or asked.challenge is None:
        raise InvalidInput("this took too long; try again")
    try:
        verified = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=bytes(asked.challenge),
            expected_rp_id=at.host,
            expected_origin=list(at.origins),
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise InvalidInput("the passkey could not be checked; try again") from None
    made = Passkey(
        staff_id=who.id,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        name=name.strip()[:60] or "Passkey",
        created_at=now,
    )
    session.add(made)
    session.flush()
    return made


def begin_sign_in(session: Session, at: Site, now: datetime) -> tuple[uuid.UUID, str]:
    """Ask for any passkey of this site."""
    options = webauthn.generate_authentication_options(
        rp_id=at.host, user_verification=UserVerificationRequirement.REQUIRED
    )
    return step(session, "passkey", now, None, options.challenge), webauthn.options_to_json(options)


def sign_in(session: Session, step_id: uuid.UUID, answer: dict[str, Any], at: Site, now: datetime) -> uuid.UUID | None:
    """Whose passkey answered; None when it is nobody's or does not fit. A counter that went back is refused: the key
    may have been copied."""
    asked = take(session, step_id, "passkey", now)
    found = _by_id(session, answer)
    if asked is None or asked.challenge is None or found is None:
        return None
    try:
        verified = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=bytes(asked.challenge),
            expected_rp_id=at.host,
            expected_origin=list(at.origins),
            credential_public_key=bytes(found.public_key),
            credential_current_sign_count=found.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return None
    found.sign_count, found.used_at = verified.new_sign_count, now
    return found.staff_id


def _by_id(session: Session, answer: dict[str, Any]) -> Passkey | None:
    try:
        wanted = base64url_to_bytes(answer["id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return session.scalar(select(Passkey).where(Passkey.credential_id == wanted).with_for_update())


def of(session: Session, staff_id: uuid.UUID) -> Sequence[Passkey]:
    """Somebody's passkeys, the oldest first."""
    return session.scalars(select(Passkey).where(Passkey.staff_id == staff_id).order_by(Passkey.created_at)).all()


def remove(session: Session, staff_id: uuid.UUID, passkey_id: uuid.UUID) -> None:
    """Take one away; Refused when it is not theirs."""
    mine = delete(Passkey).where(Passkey.id == passkey_id, Passkey.staff_id == staff_id)
    if session.execute(mine.returning(Passkey.id)).first() is None:
        raise Refused("there is no such passkey")


def step(
    session: Session, purpose: str, now: datetime, staff_id: uuid.UUID | None, challenge: bytes | None = None
) -> uuid.UUID:
    """Note half of a sign-in; old ones go."""
    session.execute(delete(SignInStep).where(SignInStep.created_at < now - timedelta(days=1)))
    made = SignInStep(purpose=purpose, staff_id=staff_id, challenge=challenge, created_at=now)
    session.add(made)
    session.flush()
    return made.id


def take(session: Session, step_id: uuid.UUID, purpose: str, now: datetime) -> SignInStep | None:
    """Use a step up: it is given once, and only for minutes."""
    mine = update(SignInStep).where(
        SignInStep.id == step_id,
        SignInStep.purpose == purpose,
        SignInStep.used_at.is_(None),
        SignInStep.created_at > now - STEP_GOOD_FOR,
    )
    return session.scalar(mine.values(used_at=now).returning(SignInStep))


def parsed(text: str) -> dict[str, Any]:
    """A browser's answer; InvalidInput when it is none."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput("this is not an answer of a passkey") from None
    if not isinstance(answer, dict):
        raise InvalidInput("this is not an answer of a passkey")
    return answer
