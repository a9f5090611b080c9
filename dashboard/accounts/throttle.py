"""Wrong passwords and codes are counted before anything is hashed: trying costs the attacker time, not the machine.

Counted for an account from one caller, for an account from anywhere (higher, so that a stranger cannot easily lock an
officer out; passkeys are never counted), and for a caller over all accounts. Figures: our own choice after OWASP ASVS
2.2.1 (at most 100 failed tries an hour on one account)."""

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
    """Keyed hashes of what was typed as the account, and of where it came from."""

    account: bytes
    caller: bytes


def who(account: str, caller: str) -> Who:
    """The two hashes by which tries are counted."""
    written = "".join(account.lower().split())
    return Who(keys().lookup("sign-in account", written), keys().lookup("sign-in caller", caller))


def blocked(session: Session, one: Who, now: datetime) -> bool:
    """Whether so many tries failed lately that this one is not even looked at."""
    recent = SignInFailure.at > now - WINDOW
    mine, here = SignInFailure.account == one.account, SignInFailure.caller == one.caller
    counted = session.execute(
        select(func.count().filter(mine & here), func.count().filter(mine), func.count().filter(here)).where(
            recent, mine | here
        )
    ).one()
    return bool(counted[0] >= FROM_ONE or counted[1] >= FROM_ANYWHERE or counted[2] >= OF_CALLER)


def failed(session: Session, one: Who, now: datetime) -> None:
    """Count a wrong password or code; old counts go."""
    session.add(SignInFailure(account=one.account, caller=one.caller, at=now))
    session.execute(delete(SignInFailure).where(SignInFailure.at < now - KEPT))


def forget(session: Session, one: Who) -> None:
    """The right person is in: their wrong tries from here are forgotten."""
    session.execute(
        delete(SignInFailure).where(SignInFailure.account == one.account, SignInFailure.caller == one.caller)
    )
