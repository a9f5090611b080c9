"""Signing in through a ministry's provider: opens for an account whose address the issuer has verified, and for nothing
else."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from joserfc.jwk import RSAKey
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

import dashboard.app
from base.audit import AuditEvent
from base.errors import ConfigError
from dashboard.models import StaffSession
from oncall import handling, staff
from tests.conftest import make_settings
from tests.dashboard.issuer import CLIENT, SECRET, Issuer

Sessions = sessionmaker[Session]


@pytest.fixture(scope="module")
def shared_issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.stop()


@pytest.fixture
def issuer(shared_issuer: Issuer) -> Issuer:
    shared_issuer.claims, shared_issuer.key, shared_issuer.algorithm = {}, shared_issuer.published, "RS256"
    return shared_issuer


@pytest.fixture
def app(tmp_path: Path, database_url: str, redis_url: str, engine: object, issuer: Issuer) -> Iterator[Flask]:
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "KOUDMEN_OIDC_ISSUER": issuer.url + "/",
                   "KOUDMEN_OIDC_CLIENT_ID": CLIENT, "KOUDMEN_OIDC_CLIENT_SECRET": SECRET}  # fmt: skip
    made = dashboard.app.create_app(make_settings(tmp_path, **environment))
    yield made
    made.extensions["koudmen"].sessions.kw["bind"].dispose()


@pytest.fixture
def ada(sessions: Sessions) -> uuid.UUID:
    with sessions() as session, session.begin():
        return staff.add(session, "Ada", ["officer"], datetime.now(UTC), email="Ada@Example.org").id


def test_somebody_known_is_in_and_needs_no_second_proof(
    app: Flask, ada: uuid.UUID, issuer: Issuer, sessions: Sessions
) -> None:
    browser = app.test_client()
    assert 'href="/sign-in/ministry?then=/rota"' in browser.get("/sign-in?then=/rota").text
    sent = browser.get("/sign-in/ministry?then=/rota").headers["Location"]
    assert sent.startswith(f"{issuer.url}/authorize?")
    for part in ("code_challenge_method=S256", "scope=openid+email", "response_type=code", "nonce="):
        assert part in sent
    back = browser.get("/sign-in/ministry/back", query_string=issuer.signed_in(sent))
    assert (back.status_code, back.headers["Location"]) == (303, "/rota")
    assert browser.get("/rota").status_code == 200
    with sessions() as session:
        place, entry = session.scalars(select(StaffSession)).one(), session.scalars(select(AuditEvent)).one()
    assert (place.staff_id, place.how) == (ada, "oidc")
    assert (entry.action, entry.detail) == ("signed in", {"how": "oidc"})


def refused(app: Flask, issuer: Issuer, **changed: str) -> bool:
    """Whether a sign-in that brings back this is refused, and nothing opened."""
    browser = app.test_client()
    given = issuer.signed_in(browser.get("/sign-in/ministry").headers["Location"]) | changed
    answer = browser.get("/sign-in/ministry/back", query_string=given)
    assert browser.get("/me").status_code == (303 if answer.status_code == 401 else 200)
    return answer.status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"}, {"nonce": None}, {"aud": "another"}, {"aud": ["another", CLIENT]},
        {"aud": [CLIENT], "azp": "another"}, {"aud": None}, {"iss": "https://evil.example"}, {"iss": None},
        {"exp": int(time.time()) - 3600}, {"exp": None}, {"iat": int(time.time()) + 3600},
        {"nbf": int(time.time()) + 3600}, {"email_verified": False}, {"email_verified": None},
        {"email_verified": "true"}, {"email": "nobody@example.org"}, {"email": None}, {"email": ["ada@example.org"]},
    ],
)  # fmt: skip
def test_a_token_that_does_not_fit_opens_nothing(
    app: Flask, ada: uuid.UUID, issuer: Issuer, claims: dict[str, Any]
) -> None:
    assert not refused(app, issuer)
    issuer.claims = claims
    assert refused(app, issuer)


@pytest.mark.parametrize("changed", [{"state": "another"}, {"state": ""}, {"code": "another"}, {"code": ""}])
def test_a_wrong_state_or_code_opens_nothing(
    app: Flask, ada: uuid.UUID, issuer: Issuer, changed: dict[str, str]
) -> None:
    assert refused(app, issuer, **changed)


def test_a_state_counts_once_and_only_in_its_browser(app: Flask, ada: uuid.UUID, issuer: Issuer) -> None:
    mine, other = app.test_client(), app.test_client()
    first = issuer.signed_in(mine.get("/sign-in/ministry").headers["Location"])
    other.get("/sign-in/ministry")
    assert other.get("/sign-in/ministry/back", query_string=first).status_code == 401
    kept = mine.get_cookie("koudmen-form")
    assert kept
    assert mine.get("/sign-in/ministry/back", query_string=first).status_code == 303
    again = app.test_client()
    again.set_cookie("koudmen-form", kept.value)
    issuer.codes["a-code"] = {"code_challenge": "", "nonce": ""}
    assert again.get("/sign-in/ministry/back", query_string=first).status_code == 401


def test_a_token_signed_by_somebody_else_opens_nothing(app: Flask, ada: uuid.UUID, issuer: Issuer) -> None:
    issuer.key = RSAKey.generate_key(2048, {"kid": "one"})
    assert refused(app, issuer)


def test_a_key_that_is_not_in_our_list_of_ways_opens_nothing(app: Flask, ada: uuid.UUID, issuer: Issuer) -> None:
    issuer.algorithm = "RS512"
    assert refused(app, issuer)


def test_an_ended_account_stays_out(app: Flask, ada: uuid.UUID, issuer: Issuer, sessions: Sessions) -> None:
    with sessions() as session, session.begin():
        handling.disable(session, ada, datetime.now(UTC))
    assert refused(app, issuer)


def test_when_the_issuer_is_away_the_page_says_so_kindly(
    tmp_path: Path, database_url: str, redis_url: str, engine: object
) -> None:
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "KOUDMEN_OIDC_CLIENT_ID": CLIENT,
                   "KOUDMEN_OIDC_ISSUER": "http://127.0.0.1:9", "KOUDMEN_OIDC_CLIENT_SECRET": SECRET}  # fmt: skip
    made = dashboard.app.create_app(make_settings(tmp_path, **environment))
    answer = made.test_client().get("/sign-in/ministry")
    assert (answer.status_code, "That did not work" in answer.text) == (401, True)
    made.extensions["koudmen"].sessions.kw["bind"].dispose()


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"KOUDMEN_OIDC_ISSUER": "https://id.example.org"}, "KOUDMEN_OIDC_CLIENT_ID"),
        ({"KOUDMEN_OIDC_ISSUER": "http://id.example.org", "KOUDMEN_OIDC_CLIENT_ID": "a",
          "KOUDMEN_OIDC_CLIENT_SECRET": "b"}, "https"),
    ],
)  # fmt: skip
def test_half_a_setting_stops_the_start(tmp_path: Path, env: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make_settings(tmp_path, **env)
