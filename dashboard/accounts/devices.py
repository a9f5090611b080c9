"""Known browsers: after a whole sign-in the browser keeps a mark that it was there. It opens nothing. It only keeps the
owner's tries apart from a stranger's, so that wrong guesses from all over the world do not hold the owner up.

After OWASP's "device cookies" (Slow Down Online Guessing Attacks with Device Cookies, 2014)."""

import hmac
import secrets
import uuid
from datetime import datetime, timedelta

from base.db import keys

GOOD_FOR = timedelta(days=180)
LONGEST = 200


def new(staff_id: uuid.UUID, now: datetime) -> str:
    """A mark for a browser in which this person has just signed in."""
    nonce, until = secrets.token_urlsafe(16), int((now + GOOD_FOR).timestamp())
    return f"{nonce}.{until}.{_sign(staff_id, nonce, until)}"


def known(mark: str, staff_id: uuid.UUID | None, now: datetime) -> str | None:
    """The browser's own name, when this mark was made here for this person and is not over; else None."""
    nonce, _, rest = mark[:LONGEST].partition(".")
    until, _, sign = rest.partition(".")
    if staff_id is None or not nonce or not (until.isascii() and until.isdecimal() and len(until) < 12):
        return None
    fits = hmac.compare_digest(sign.encode(), _sign(staff_id, nonce, int(until)).encode())
    return nonce if fits and int(until) > now.timestamp() else None


def _sign(staff_id: uuid.UUID, nonce: str, until: int) -> str:
    return keys().lookup("known browser", f"{staff_id} {nonce} {until}").hex()
