"""Passwords: Argon2id (argon2-cffi's defaults follow RFC 9106, low memory), at least 12 letters (ASVS 2.1.1)."""

import uuid
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session

from base.errors import InvalidInput
from dashboard.models import Credential

SHORTEST, LONGEST = 12, 128
# What people type when a long password is asked for; compared without case, digits at the end and signs.
_KNOWN = frozenset(
    "password passwordpassword passwort motdepasse motdepas contrasena qwertyuiop qwertyuiopasdf azertyuiop letmein "
    "letmeinletmein iloveyou iloveyouiloveyou administrator changeme changemechangeme welcome welcomewelcome koudmen "
    "koudmenkoudmen dominica dominicadominica roseau natureisland abcdefghijkl abcdefghijklm abcdefghijklmn".split()
)
_hasher = PasswordHasher()
_NOBODY = _hasher.hash("nobody has this password")


def check_strength(password: str, *names: str) -> None:
    """InvalidInput, in words for the person, when a password is too easy. `names`: what it must not be made of."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(f"a password has {SHORTEST} to {LONGEST} letters; four words in a row are a good one")
    plain = "".join(c for c in password.lower().rstrip("0123456789!?.") if c.isalnum())
    own = [part for name in names for part in name.lower().split() if len(part) > 3]
    if plain in _KNOWN or len(set(password)) < 5 or any(plain == part * (len(plain) // len(part)) for part in own):
        raise InvalidInput("this password is easy to guess; four words in a row are a good one")


def put(session: Session, staff_id: uuid.UUID, password: str, now: datetime, *names: str) -> None:
    """Set somebody's password. InvalidInput when it is too easy."""
    check_strength(password, *names)
    found = of(session, staff_id)
    found.password_hash, found.password_at = _hasher.hash(password), now


def fits(session: Session, staff_id: uuid.UUID | None, password: str) -> bool:
    """Whether this is somebody's password. Takes as long for nobody as for somebody."""
    found = session.get(Credential, staff_id) if staff_id else None
    stored = found.password_hash if found and found.password_hash else None
    try:
        _hasher.verify(stored or _NOBODY, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    if found and stored and _hasher.check_needs_rehash(stored):
        found.password_hash = _hasher.hash(password[:LONGEST])
    return stored is not None


def of(session: Session, staff_id: uuid.UUID) -> Credential:
    """Somebody's credentials, made when there are none yet; locked."""
    found = session.get(Credential, staff_id, with_for_update=True)
    if found is None:
        found = Credential(staff_id=staff_id, totp_step=0)
        session.add(found)
        session.flush()
    return found
