"""Wrong passwords and codes are counted before anything is hashed: trying costs the attacker time, not the machine.

Counted for an account from one caller, for an account from anywhere, and for a caller over all accounts. A browser in
which the account's owner was signed in before (dashboard.accounts.devices) is counted by itself alone: strangers' tries
do not hold the owner up there, and its own are as few. Passkeys are never counted. Figures: our own choice after OWASP
ASVS 2.2.1 (at most 100 failed tries an hour on one account): 20 in a quarter of an hour from all strangers together, so
80 an hour, and 5 from each known browser."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from base.db import keys
from dashboard.models import SignInFailure

WINDOW = timedelta(minutes=15)
KEPT = timedelta(days=1)
FROM_ONE, FROM_ANYWHERE, OF_CALLER = 5, 20, 40


@dataclass(frozen=True)
class Who:
    """Keyed hashes of the account, and of where it came from. `known`: a browser in which the owner was before."""

    account: bytes
    caller: bytes
    known: bool = False


def who(account: str, caller: str, browser: str | None = None) -> Who:
    """By what tries are counted. `browser`: the name of a known one (devices.known)."""
    written = keys().lookup("sign-in account", "".join(account.lower().split()))
    if browser:
        return Who(written, keys().lookup("sign-in browser", browser), known=True)
    return Who(written, keys().lookup("sign-in caller", caller))


def begin(session: Session, one: Who, now: datetime) -> int | None:
    """Count a try before it is looked at; commit before hashing. Gives its number, for `fine`; None when so many failed
    lately that this one is not looked at (nor counted: going on trying must not keep the right person out for ever).
    Of many tries at once each sees those before it: they count one after the other."""
    for part in (one.account, one.caller):  # always in this order: nobody waits in a ring
        session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(part[:8], signed=True))))
    if _blocked(session, one, now):
        return None
    session.execute(delete(SignInFailure).where(SignInFailure.at < now - KEPT))
    mine = SignInFailure(account=one.account, caller=one.caller, at=now)
    session.add(mine)
    session.flush()
    return mine.id


def fine(session: Session, number: int | None) -> None:
    """The try was right after all: it is not counted."""
    session.execute(delete(SignInFailure).where(SignInFailure.id == number))


def _blocked(session: Session, one: Who, now: datetime) -> bool:
    recent = SignInFailure.at > now - WINDOW
    mine, here = SignInFailure.account == one.account, SignInFailure.caller == one.caller
    counted = session.execute(
        select(func.count().filter(mine & here), func.count().filter(mine), func.count().filter(here)).where(
            recent, mine | here
        )
    ).one()
    if counted[0] >= FROM_ONE:
        return True
    return not one.known and bool(counted[1] >= FROM_ANYWHERE or counted[2] >= OF_CALLER)


def forget(session: Session, one: Who) -> None:
    """The right person is in: their wrong tries from here are forgotten."""
    session.execute(
        delete(SignInFailure).where(SignInFailure.account == one.account, SignInFailure.caller == one.caller)
    )
