"""Signing in through a ministry's provider: opens for an account whose address the issuer has verified, and for nothing
else."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyotp
import pytest
from flask import Flask
from joserfc.jwk import RSAKey
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

import dashboard.app
from base.audit import AuditEvent
from base.errors import ConfigError
from dashboard import accounts
from dashboard.accounts import codes, passkeys, passwords
from dashboard.models import Passkey, StaffSession
from oncall import handling, staff
from oncall.models import Staff
from tests.conftest import make_settings
from tests.dashboard.browser import Browser
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
        place = session.scalars(select(StaffSession)).one()
        bound, entry = session.scalars(select(AuditEvent).order_by(AuditEvent.seq)).all()
    assert (place.staff_id, place.how) == (ada, "oidc")
    assert (bound.action, bound.actor_id) == ("bound to the ministry's sign-in", ada)
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
        {"sub": "2"}, {"sub": None}, {"sub": ""}, {"sub": ["1"]}, {"sub": "1" * 256},
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


def test_an_account_is_one_person_s_at_the_ministry(
    app: Flask, ada: uuid.UUID, issuer: Issuer, sessions: Sessions
) -> None:
    """An address may be given to somebody else there; issuer and subject may not."""
    with sessions() as session, session.begin():
        staff.add(session, "Bea", ["officer"], datetime.now(UTC), email="bea@example.org")
    assert not refused(app, issuer)
    assert not refused(app, issuer), "the same person again"
    issuer.claims = {"sub": "2"}
    assert refused(app, issuer), "somebody else with the address"
    issuer.claims = {"email": "bea@example.org"}
    assert refused(app, issuer), "the same person is not two accounts"
    issuer.claims = {"sub": "2", "email": "bea@example.org"}
    assert not refused(app, issuer)


def test_the_same_subject_of_another_issuer_is_somebody_else(ada: uuid.UUID, sessions: Sessions) -> None:
    one, other = (staff.ministry_lookup(issuer, "1") for issuer in ("https://a.example", "https://b.example"))
    with sessions() as session, session.begin():
        who = staff.by_ministry(session, "ada@example.org", one)
        assert who
        who.ministry_lookup = one
        assert staff.by_ministry(session, "ada@example.org", one) is who
        assert staff.by_ministry(session, "ada@example.org", other) is None


def test_another_address_or_a_reset_undoes_the_binding_and_the_same_address_does_not(
    app: Flask, ada: uuid.UUID, issuer: Issuer, sessions: Sessions
) -> None:
    assert not refused(app, issuer)
    with sessions() as session, session.begin():
        assert not staff.change_email(session, ada, " ADA@example.org ")
        assert session.get_one(Staff, ada).ministry_lookup
        assert staff.change_email(session, ada, "ada@elsewhere.example")
        assert session.get_one(Staff, ada).ministry_lookup is None
    assert refused(app, issuer), "the address before"
    issuer.claims = {"sub": "2", "email": "ada@elsewhere.example"}
    assert not refused(app, issuer)
    with sessions() as session, session.begin():
        accounts.forget_proofs(session, ada)
        assert session.get_one(Staff, ada).ministry_lookup is None


def test_a_changed_address_opens_no_account_that_has_a_second_proof(
    app: Flask, ada: uuid.UUID, issuer: Issuer, sessions: Sessions
) -> None:
    """An administrator puts an address of their own on an officer's account: the ministry knows them, we ask for the
    officer's one-time code too."""
    with sessions() as session, session.begin():
        secret = codes.new_totp(session, ada)
        passwords.of(session, ada).totp_confirmed_at = datetime.now(UTC)
        staff.change_email(session, ada, "mallory@example.org")
    issuer.claims = {"sub": "9", "email": "mallory@example.org"}
    browser = Browser(app.test_client())
    given = issuer.signed_in(browser.get("/sign-in/ministry").headers["Location"])
    asked = browser.client.get("/sign-in/ministry/back", query_string=given)
    assert asked.headers["Location"].startswith("/sign-in/code")
    browser.get("/sign-in/code")
    assert browser.post("/sign-in/code", code="000000").status_code == 401
    assert browser.get("/me").status_code == 303
    with sessions() as session:
        assert session.get_one(Staff, ada).ministry_lookup is None
    right = browser.post("/sign-in/code", follow=False, code=pyotp.TOTP(secret).now())
    assert (right.status_code, browser.get("/me").status_code) == (303, 200)
    with sessions() as session:
        assert session.get_one(Staff, ada).ministry_lookup == staff.ministry_lookup(issuer.url, "9")
    assert not refused(app, issuer), "bound now: the ministry's word is enough"
    assert "The ministry's account" in browser.words("/me")


def test_an_account_with_a_passkey_only_is_bound_by_it(
    app: Flask, ada: uuid.UUID, issuer: Issuer, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a passkey given on the page that asks for it, and by that account's own only."""
    with sessions() as session, session.begin():
        session.add(Passkey(staff_id=ada, credential_id=b"a", public_key=b"a", sign_count=0, name="Key"))
        bea = staff.add(session, "Bea", ["officer"], datetime.now(UTC)).id

    def given_by(who: uuid.UUID, **form: str) -> int:
        browser = Browser(app.test_client())
        asked = issuer.signed_in(browser.get("/sign-in/ministry").headers["Location"])
        back = browser.client.get("/sign-in/ministry/back", query_string=asked).headers["Location"]
        assert 'name="second"' in browser.get(back).text
        browser.post("/sign-in/passkey/ask")
        monkeypatch.setattr(passkeys, "sign_in", lambda *_: who)
        return browser.post("/sign-in/passkey", follow=False, answer="{}", **form).status_code

    def bound() -> bool:
        with sessions() as session:
            return session.get_one(Staff, ada).ministry_lookup is not None

    assert (given_by(bea, second="1"), bound()) == (401, False), "somebody else's"
    assert (given_by(ada), bound()) == (303, False), "on the first page, where another began a ministry's sign-in"
    assert (given_by(ada, second="1"), bound()) == (303, True)
    assert not refused(app, issuer), "bound now: the ministry's word is enough"


def test_half_a_sign_in_of_the_address_before_binds_nothing(
    app: Flask, ada: uuid.UUID, issuer: Issuer, sessions: Sessions
) -> None:
    with sessions() as session, session.begin():
        secret = codes.new_totp(session, ada)
        passwords.of(session, ada).totp_confirmed_at = datetime.now(UTC)
    browser = Browser(app.test_client())
    given = issuer.signed_in(browser.get("/sign-in/ministry").headers["Location"])
    browser.client.get("/sign-in/ministry/back", query_string=given)
    browser.get("/sign-in/code")
    with sessions() as session, session.begin():
        session.execute(update(Staff).where(Staff.id == ada).values(email_lookup=staff.email_lookup("b@example.org")))
        session.execute(update(Staff).where(Staff.id == ada).values(email="b@example.org"))
        other = staff.add(session, "Bea", ["officer"], datetime.now(UTC))
        other.ministry_lookup = staff.ministry_lookup(issuer.url, "1")
    assert browser.post("/sign-in/code", code=pyotp.TOTP(secret).now()).status_code == 401
    assert browser.get("/me").status_code == 303


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
