"""The staff application in this process, people of each role, and browsers in which they are signed in."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, sessionmaker

import dashboard.app
from base.settings import Settings
from dashboard import guard
from dashboard.accounts import codes, passwords
from dashboard.accounts import sessions as places
from oncall import staff
from oncall.models import Staff
from oncall.models.staff import ROLES
from tests.dashboard.browser import Browser

PASSWORD = "four mango words here"
SignedIn = Callable[..., Browser]


@pytest.fixture
def app(settings: Settings, engine: object) -> Iterator[Flask]:
    made = dashboard.app.create_app(settings)
    yield made
    made.extensions["live"].stop()
    made.extensions["koudmen"].sessions.kw["bind"].dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser in which nobody is signed in."""
    return app.test_client()


@pytest.fixture
def people(sessions: sessionmaker[Session]) -> dict[str, uuid.UUID]:
    """One account of each role, with a password and a one-time code: role -> id. The phones are +17675550150 and on."""
    now, made = datetime.now(UTC), {}
    with sessions() as session, session.begin():
        for number, role in enumerate(ROLES):
            who = staff.add(session, f"The {role}", [role], now, phone=f"+17675550{150 + number}", verified=True)
            _proofs(session, who, now)
            made[role] = who.id
    return made


def _proofs(session: Session, who: Staff, now: datetime) -> None:
    known = passwords.of(session, who.id)
    known.password_hash = HASHED
    codes.new_totp(session, who.id)
    known.totp_confirmed_at = now


HASHED = passwords._hasher.hash(PASSWORD)


@pytest.fixture
def signed_in(app: Flask, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]) -> SignedIn:
    """`signed_in("officer")`: that person's browser. Another account: `signed_in(staff_id=…)`."""

    def sign_in(role: str = "officer", *, staff_id: uuid.UUID | None = None) -> Browser:
        with sessions() as session, session.begin():
            token = places.begin(session, staff_id or people[role], "totp", "Firefox/1 Linux", datetime.now(UTC))
        client = app.test_client()
        with app.test_request_context():
            client.set_cookie(guard.cookie_name(), token)
        return Browser(client)

    return sign_in
