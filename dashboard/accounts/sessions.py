"""Where staff are signed in: rows that can be listed and ended. The browser holds a random token, we its keyed hash.

A session ends after 30 minutes without a page asked for and after 12 hours in any case (ASVS 3.3.2, level 2)."""

import hmac
import re
import secrets
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from base.db import keys
from dashboard.models import StaffSession
from oncall.models import Staff

IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=12)
PROOF = timedelta(minutes=10)  # so long after proving who they are, somebody may export
_NOTED_EVERY = timedelta(seconds=20)  # `seen_at` is not written for each picture of a page
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
             ("Chrome", "Chrome"), ("Safari", "Safari"))  # fmt: skip
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "Mac"),
            ("CrOS", "Chromebook"), ("Linux", "Linux"))  # fmt: skip


def begin(session: Session, staff_id: uuid.UUID, how: str, agent: str, now: datetime) -> str:
    """A new session. Returns the token for the cookie; it is not kept here."""
    random = secrets.token_urlsafe(32)
    token = f"{random}.{_mark(random)}"
    session.add(
        StaffSession(
            token_hash=_hash(token), staff_id=staff_id, how=how, device=device(agent), created_at=now, seen_at=now,
            proved_at=now,
        )
    )  # fmt: skip
    session.flush()
    return token


def genuine(token: str) -> bool:
    """Whether a token was made here, ended or not: known without the database, so that made-up ones cost nothing."""
    random, _, mark = token.partition(".")
    return bool(mark) and hmac.compare_digest(mark.encode(), _mark(random).encode())


def current(session: Session, token: str, now: datetime, *, live: bool = False) -> StaffSession | None:
    """The session of a token that still counts. `live`: a page that refreshes itself asks; that keeps nothing alive."""
    found = session.scalar(select(StaffSession).where(StaffSession.token_hash == _hash(token)))
    if found is None or found.ended_at is not None:
        return None
    if now - found.created_at >= LONGEST or now - found.seen_at >= IDLE:
        end(session, found.id, "idle" if now - found.created_at < LONGEST else "12 hours", now)
        return None
    if not live and now - found.seen_at >= _NOTED_EVERY:
        found.seen_at = now
    return found


def grown(session: Session, session_id: uuid.UUID, how: str) -> None:
    """A session that was in with a password alone has set up a second proof."""
    mine = update(StaffSession).where(StaffSession.id == session_id, StaffSession.how == "setup")
    session.execute(mine.values(how=how))


def proved(session: Session, session_id: uuid.UUID, now: datetime) -> None:
    """They have just proved once more who they are."""
    session.execute(update(StaffSession).where(StaffSession.id == session_id).values(proved_at=now))


def left(found: StaffSession, now: datetime) -> timedelta:
    """How long it lasts if no page is asked for."""
    return min(found.seen_at + IDLE, found.created_at + LONGEST) - now


def alive(session: Session, ids: Collection[uuid.UUID], now: datetime) -> Sequence[tuple[uuid.UUID, list[str]]]:
    """Of these sessions those that still count, with the roles of whose they are."""
    query = select(StaffSession.id, Staff.roles).join(Staff, Staff.id == StaffSession.staff_id)
    query = query.where(StaffSession.id.in_(ids), StaffSession.ended_at.is_(None), Staff.disabled_at.is_(None))
    query = query.where(StaffSession.created_at > now - LONGEST, StaffSession.seen_at > now - IDLE)
    return [(row[0], row[1]) for row in session.execute(query)]


def open_of(session: Session, staff_id: uuid.UUID, now: datetime) -> Sequence[StaffSession]:
    """Where somebody is signed in now, the newest first."""
    query = select(StaffSession).where(StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None))
    alive = query.where(StaffSession.created_at > now - LONGEST, StaffSession.seen_at > now - IDLE)
    return session.scalars(alive.order_by(StaffSession.created_at.desc())).all()


def end(session: Session, session_id: uuid.UUID, why: str, now: datetime) -> None:
    """End one session."""
    mine = update(StaffSession).where(StaffSession.id == session_id, StaffSession.ended_at.is_(None))
    session.execute(mine.values(ended_at=now, ended_why=why))


def end_all(session: Session, staff_id: uuid.UUID, why: str, now: datetime, *, but: uuid.UUID | None = None) -> int:
    """End all sessions of somebody (but this one). Returns how many there were."""
    mine = update(StaffSession).where(StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None))
    if but:
        mine = mine.where(StaffSession.id != but)
    return len(session.scalars(mine.values(ended_at=now, ended_why=why).returning(StaffSession.id)).all())


def device(agent: str) -> str:
    """A browser's own words about itself, cut down to what a person recognises."""
    browser = next((name for sign, name in _BROWSERS if re.search(rf"\b{sign}\w*/", agent)), "a browser")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    return f"{browser} on {system}" if system else browser


def _mark(random: str) -> str:
    return keys().lookup("staff session mark", random).hex()[:32]


def _hash(token: str) -> bytes:
    return keys().lookup("staff session", token)
