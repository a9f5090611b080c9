"""Passwords: Argon2id (argon2-cffi's defaults follow RFC 9106, low memory), at least 12 letters (ASVS 2.1.1), and none
that is soon guessed by who has the lists of leaked ones. How soon is reckoned by zxcvbn, which carries the 30,000 most
common leaked passwords and words; nothing is asked of another host."""

import re
import uuid
from collections.abc import Sequence
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from zxcvbn import zxcvbn

from base.errors import InvalidInput
from dashboard.models import Credential

SHORTEST, LONGEST = 12, 128
GUESSED = 10**9  # fewer guesses than this are too few (zxcvbn's fourth of five classes ends at 10^10)
READ = 72  # letters that are reckoned with: more cost time and add nothing
# What stands in no English list and is tried first here.
_HERE = (
    "koudmen koutmen dominica dominique donmnik roseau wozo natureisland ministry government motdepasse motdepas "
    "modpas contrasena azertyuiop bonjour bondye jezikri administrator changeme".split()
)
_hasher = PasswordHasher()
_NO_ONE = uuid.UUID(int=0)
_NOBODY = _hasher.hash("nobody has this password")


def check_strength(password: str, *names: str) -> None:
    """InvalidInput, in words for the person, when a password is too easy. `names`: what it must not be made of."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(f"a password has {SHORTEST} to {LONGEST} letters; four words in a row are a good one")
    if zxcvbn(password[:READ], [*_HERE, *_own(names)])["guesses"] < GUESSED:
        raise InvalidInput("this password is easy to guess; four words in a row are a good one")


def _own(names: Sequence[str]) -> list[str]:
    """The parts of names, e-mail addresses and phone numbers that somebody's password is made of first."""
    parts = [part for name in names for part in re.split(r"\W+", name) if len(part) > 2]
    digits = ["".join(c for c in name if c.isdecimal()) for name in names]
    return parts + [number[-length:] for number in digits if len(number) > 6 for length in (7, 10, 11)]


def put(session: Session, staff_id: uuid.UUID, password: str, now: datetime, *names: str) -> None:
    """Set somebody's password. InvalidInput when it is too easy."""
    check_strength(password, *names)
    found = of(session, staff_id)
    found.password_hash, found.password_at = _hasher.hash(password), now


def fits(session: Session, staff_id: uuid.UUID | None, password: str) -> bool:
    """Whether this is somebody's password. The same work is done for nobody as for somebody: one row looked for, one
    hash reckoned."""
    mine = select(Credential).where(Credential.staff_id == (staff_id or _NO_ONE))  # asked for nobody too
    found = session.scalar(mine)
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
