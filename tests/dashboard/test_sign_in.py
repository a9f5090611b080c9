"""Signing in: what opens the door, what does not, and when it closes."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pyotp
import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

import dashboard.app
from base.audit import AuditEvent
from base.settings import ROOT, Settings
from dashboard import guard
from dashboard.accounts import codes, passwords, throttle
from dashboard.accounts import sessions as places
from dashboard.models import Credential, SignInFailure, StaffSession
from oncall import handling, staff
from tests.conftest import make_settings
from tests.dashboard.browser import Browser
from tests.dashboard.conftest import PASSWORD, SignedIn

OFFICER = "767 555 0150"
TWILIO = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "x", "TWILIO_SMS_FROM": "+17675550199"}


def code_of(sessions: sessionmaker[Session], staff_id: uuid.UUID, ahead_s: int = 0) -> str:
    with sessions() as session:
        secret = session.get_one(Credential, staff_id).totp_secret
    assert secret
    return pyotp.TOTP(secret).at(datetime.now(UTC) + timedelta(seconds=ahead_s))


def proved_long_ago(sessions: sessionmaker[Session]) -> None:
    """Everybody who is in proved who they are longer ago than counts."""
    with sessions() as session, session.begin():
        session.execute(update(StaffSession).values(proved_at=datetime.now(UTC) - timedelta(minutes=11)))


def test_password_and_code_open(
    client: FlaskClient, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    browser = Browser(client)
    assert browser.get("/me").headers["Location"] == "/sign-in?then=/me"
    browser.get("/sign-in?then=/me/recovery")
    asked = browser.post("/sign-in", account=OFFICER, password=PASSWORD, then="/me/recovery")
    assert "six digits" in asked.text
    inside = browser.post("/sign-in/code", code=code_of(sessions, people["officer"]), then="/me/recovery")
    assert (inside.request.path, inside.status_code) == ("/me/recovery", 200)
    assert "The officer" in browser.words("/me")
    with sessions() as session:
        entry = session.scalars(select(AuditEvent)).one()
    assert (entry.action, entry.actor_id, entry.detail) == ("signed in", people["officer"], {"how": "totp"})


def test_a_code_is_accepted_once(app: Flask, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]) -> None:
    used = code_of(sessions, people["officer"])
    outcomes = []
    for _ in range(2):
        browser = Browser(app.test_client())
        browser.post("/sign-in", account=OFFICER, password=PASSWORD)
        outcomes.append(browser.post("/sign-in/code", code=used).status_code)
        assert browser.get("/me").status_code == (200 if outcomes[-1] == 200 else 303)
    assert outcomes == [200, 401]


def test_a_code_one_step_late_counts_and_two_steps_late_does_not(
    app: Flask, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    for late, status in ((-90, 401), (-30, 200)):
        browser = Browser(app.test_client())
        browser.post("/sign-in", account=OFFICER, password=PASSWORD)
        assert browser.post("/sign-in/code", code=code_of(sessions, people["officer"], late)).status_code == status


def test_a_recovery_code_stands_in_once(
    app: Flask, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    with sessions() as session, session.begin():
        one, *_ = codes.new_recovery(session, people["officer"])
    for status in (200, 401):
        browser = Browser(app.test_client())
        browser.post("/sign-in", account=OFFICER, password=PASSWORD)
        assert browser.post("/sign-in/code", code=one.upper()).status_code == status


def test_nobody_a_wrong_password_and_an_ended_account_are_answered_alike(
    app: Flask, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    with sessions() as session, session.begin():
        handling.disable(session, people["analyst"], datetime.now(UTC))
    told = set()
    for account, password in (
        (OFFICER, "not this one here"), ("767 555 0199", PASSWORD), ("767 555 0153", PASSWORD),
        ("nobody@example.org", "x"), ("", PASSWORD), (OFFICER, ""), ("+" * 150, "a" * 128),
    ):  # fmt: skip
        answer = Browser(app.test_client()).post("/sign-in", account=account, password=password)
        shown = answer.text.partition("<h1>")[2].partition('name="csrf_token"')[0]
        told.add((answer.status_code, shown))
    assert len(told) == 1
    assert Browser(app.test_client()).post("/sign-in", account="\x00", password="\x00").status_code == 400


def test_after_five_wrong_tries_the_right_password_is_not_looked_at(
    app: Flask, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    for _ in range(5):
        Browser(app.test_client()).post("/sign-in", account=OFFICER, password="wrong wrong wrong")
    held = Browser(app.test_client()).post("/sign-in", account="+1 (767) 555-0150", password=PASSWORD)
    assert held.status_code == 401, "however the number is written"
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    answer = Browser(elsewhere).post("/sign-in", account=OFFICER, password=PASSWORD)
    assert "six digits" in answer.text, "a stranger's tries lock nobody out at once"


def test_without_a_second_proof_only_its_setup_opens(
    client: FlaskClient, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    with sessions() as session, session.begin():
        made = staff.add(
            session, "Rose", ["officer"], datetime.now(UTC), phone="767 555 0160", email="rose@example.org"
        )
        handed = codes.new_setup(session, made.id, datetime.now(UTC))
    browser = Browser(client)
    browser.get("/setup")
    weak = browser.post("/setup", account="Rose@Example.org", code=handed, password="passwordpassword1")
    assert (weak.status_code, "easy to guess" in weak.text) == (400, True)
    inside = browser.post("/setup", account="Rose@Example.org", code=handed, password="quiet river under moon")
    assert inside.request.path == "/me/second"
    assert browser.get("/me").headers["Location"] == "/me/second"
    with sessions() as session:
        secret = session.get_one(Credential, made.id).totp_secret
    assert secret
    assert secret in browser.words("/me/second")
    assert browser.post("/me/totp", code="000000").request.path == "/me/second"
    assert browser.post("/me/totp", code=pyotp.TOTP(secret).now()).request.path == "/me/recovery"
    assert browser.get("/me").status_code == 200
    again = Browser(client.application.test_client())
    assert (
        again.post("/setup", account="rose@example.org", code=handed, password="quiet river under moon").status_code
        == 401
    )


def test_a_password_alone_opens_nothing_and_the_setup_code_goes_on_where_one_was_interrupted(
    app: Flask, sessions: sessionmaker[Session]
) -> None:
    """Somebody who saw the password typed must not be the first with a second proof."""
    rose, handed = with_a_setup_code(sessions)
    fields: dict[str, Any] = {"account": "767 555 0161", "code": handed, "password": "quiet river under moon"}
    owner, thief = Browser(app.test_client()), Browser(app.test_client())
    assert owner.post("/setup", **fields).request.path == "/me/second"
    told = thief.post("/sign-in", account="767 555 0161", password=fields["password"])
    assert (told.status_code, "not set up to the end" in told.text) == (401, True)
    assert thief.get("/me/second").headers["Location"].startswith("/sign-in")
    assert Browser(app.test_client()).post("/setup", **fields).request.path == "/me/second"
    with sessions() as session, session.begin():
        session.get_one(Credential, rose).setup_until = datetime.now(UTC)
    late = Browser(app.test_client()).post("/setup", **fields)
    assert late.status_code == 401


def test_a_setup_code_does_not_go_around_a_second_proof(
    client: FlaskClient, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    with sessions() as session, session.begin():
        handed = codes.new_setup(session, people["officer"], datetime.now(UTC))
    browser = Browser(client)
    browser.get("/setup")
    named = browser.post("/setup", account=OFFICER, code=handed, password="officerofficer")
    assert named.status_code == 400, "made of their own name"
    asked = browser.post("/setup", account=OFFICER, code=handed, password="quiet river under moon")
    assert "six digits" in asked.text
    assert browser.get("/me").status_code == 303


def test_where_real_people_text_cookies_travel_by_https_alone(
    settings: Settings, engine: object, people: dict[str, uuid.UUID], sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    env = {"DATABASE_URL": settings.database_url or "", "KOUDMEN_CONFIG": str(confirmed(tmp_path)), **TWILIO}
    served = dashboard.app.create_app(make_settings(settings.home, **env))
    try:
        client = served.test_client()
        page = client.get("/sign-in", base_url="https://localhost")
        cookies = page.headers.getlist("Set-Cookie")
        assert cookies
        assert all(one.startswith("__Host-") and "; Secure" in one for one in cookies)
        with served.test_request_context(base_url="https://localhost"):
            assert guard.cookie_name().startswith("__Host-")
    finally:
        served.extensions["live"].stop()
        served.extensions["koudmen"].sessions.kw["bind"].dispose()


def confirmed(folder: Path) -> Path:
    """The project's configuration as if somebody had dialled the emergency numbers."""
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    for number in config["emergency"]:
        number |= {"confirmed_by": "A. Clerk", "confirmed_on": date(2026, 11, 1)}
    path = folder / "confirmed.yml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("idle", "age", "open_"), [(29, 60, True), (31, 60, False), (5, 11 * 60, True), (5, 12 * 60, False)]
)
def test_a_session_ends_by_itself(
    signed_in: SignedIn, sessions: sessionmaker[Session], idle: int, age: int, open_: bool
) -> None:
    browser, now = signed_in("officer"), datetime.now(UTC)
    with sessions() as session, session.begin():
        session.execute(
            update(StaffSession).values(seen_at=now - timedelta(minutes=idle), created_at=now - timedelta(minutes=age))
        )
    assert (browser.get("/me").status_code == 200) == open_


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(
    people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    now = datetime.now(UTC)
    with sessions() as session, session.begin():
        token = places.begin(session, people["officer"], "totp", "", now)
        for minute in range(1, 30):
            assert places.current(session, token, now + timedelta(minutes=minute), live=True)
        assert places.current(session, token, now + timedelta(minutes=31), live=True) is None


def test_one_sees_where_one_is_signed_in_and_ends_it(signed_in: SignedIn) -> None:
    here, there = signed_in("officer"), signed_in("officer")
    other = signed_in("analyst")
    page = here.get("/me").text
    assert page.count("Firefox on Linux") == 2
    ends = list(dict.fromkeys(part.partition('"')[0] for part in page.split('action="/me/sessions/')[1:]))
    for end in ends:
        assert other.post(f"/me/sessions/{end}").status_code == 409, "not another's"
    for end in ends:  # the newest first, this one last
        here.post(f"/me/sessions/{end}", follow=False)
    assert {here.get("/me").status_code, there.get("/me").status_code} <= {303}
    assert other.get("/me").status_code == 200


def test_an_ended_account_is_out_at_once(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    browser = signed_in("officer")
    assert browser.get("/me").status_code == 200
    with sessions() as session, session.begin():
        handling.disable(session, people["officer"], datetime.now(UTC))
    assert browser.get("/me").status_code == 303


def test_a_new_password_wants_a_proof_and_ends_the_others(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    here, there = signed_in("officer"), signed_in("officer")
    proved_long_ago(sessions)
    assert here.post("/me/password", password="another long pass phrase").request.path == "/again"
    assert here.post("/again", password="wrong", then="/me").status_code == 401
    assert here.post("/again", password=PASSWORD, then="//evil.example").request.path == "/queue"
    assert "is changed" in here.post("/me/password", password="another long pass phrase").text
    assert there.get("/me").status_code == 303
    with sessions() as session:
        assert passwords.fits(session, people["officer"], "another long pass phrase")


def test_nothing_planted_before_signing_in_is_kept(
    client: FlaskClient, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    client.set_cookie("koudmen-staff", "planted-by-somebody-else")
    browser = Browser(client)
    browser.post("/sign-in", account=OFFICER, password=PASSWORD)
    browser.post("/sign-in/code", code=code_of(sessions, people["officer"]))
    assert browser.get("/me").status_code == 200
    cookie = client.get_cookie("koudmen-staff")
    assert cookie
    assert cookie.value != "planted-by-somebody-else"
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    with sessions() as session:
        stored = session.scalars(select(StaffSession.token_hash)).all()
    assert cookie.value.encode() not in stored


@pytest.mark.parametrize(
    "then", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/\n/x"]
)
def test_signing_in_leads_nowhere_else(client: FlaskClient, then: str) -> None:
    assert 'name="then" value="/"' in client.get("/sign-in", query_string={"then": then}).text


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", '{"id": 5}', '{"id": "AAAA", "response": {}}', "[" * 5000])
def test_rubbish_for_a_passkey_is_a_kind_answer(client: FlaskClient, people: object, answer: str) -> None:
    browser = Browser(client)
    browser.get("/sign-in")
    assert browser.post("/sign-in/passkey/ask").mimetype == "application/json"
    assert browser.post("/sign-in/passkey", answer=answer).status_code == 401


def with_a_setup_code(sessions: sessionmaker[Session]) -> tuple[uuid.UUID, str]:
    """A fresh account, and the code to set it up with."""
    now = datetime.now(UTC)
    with sessions() as session, session.begin():
        made = staff.add(session, "Rose", ["officer"], now, phone="+17675550161", verified=True)
        return made.id, codes.new_setup(session, made.id, now)


def test_who_has_the_setup_code_too_is_not_in_once_the_owner_has_a_second_proof(
    app: Flask, sessions: sessionmaker[Session]
) -> None:
    rose, handed = with_a_setup_code(sessions)
    fields: dict[str, Any] = {"account": "767 555 0161", "code": handed, "password": "quiet river under moon"}
    thief, owner = Browser(app.test_client()), Browser(app.test_client())
    assert thief.post("/setup", **fields).request.path == "/me/second"
    with sessions() as session:
        seen = session.get_one(Credential, rose).totp_secret
    owner.post("/setup", **fields)
    with sessions() as session:
        own = session.get_one(Credential, rose).totp_secret
    assert own
    assert own != seen, "the thief would have the owner's codes for ever"
    owner.post("/me/totp", code=pyotp.TOTP(own).now())
    assert owner.get("/queue").status_code == 200
    assert thief.get("/queue").headers["Location"] == "/sign-in?then=/queue"
    assert thief.get("/me/second").headers["Location"] == "/sign-in?then=/me/second"
    assert thief.post("/setup", **fields).status_code == 401, "the code is used up"


def test_a_session_of_a_password_alone_does_not_grow_with_a_proof_set_up_elsewhere(
    app: Flask, signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    browser = signed_in("officer")
    with sessions() as session, session.begin():
        session.execute(update(StaffSession).values(how="setup"))
    for path in ("/queue", "/me", "/me/second"):
        assert browser.get(path).headers["Location"].startswith("/sign-in"), path
    asked = browser.post("/me/passkeys/ask", follow=False)
    assert asked.headers["Location"].startswith("/sign-in")


def test_another_second_proof_is_added_only_soon_after_proving_who_one_is(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    browser = signed_in("officer")
    assert browser.get("/me/second").status_code == 200
    proved_long_ago(sessions)
    assert browser.get("/me/second").headers["Location"] == "/again?then=/me/second"
    for path in ("/me/passkeys/ask", "/me/passkeys", "/me/totp"):
        assert browser.post(path, follow=False, answer="{}").headers["Location"].startswith("/again"), path


def test_who_has_no_password_proves_it_by_signing_in_anew(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    browser = signed_in("officer")
    proved_long_ago(sessions)
    assert "Sign in anew" in browser.get("/again?then=/me/second").text
    left = browser.post("/sign-out", follow=False, then="/me/second")
    assert left.headers["Location"] == "/sign-in?then=/me/second"
    assert browser.get("/me").status_code == 303
    assert browser.get("/sign-in").status_code == 200


def failures(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(SignInFailure)) or 0


def test_of_many_guesses_at_once_no_more_are_looked_at_than_one_after_the_other(
    app: Flask, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    browsers = [Browser(app.test_client()) for _ in range(24)]
    for one in browsers:
        one.get("/sign-in")
    together = Barrier(len(browsers))

    def guess(one: Browser) -> int:
        together.wait(30)
        return one.post("/sign-in", account=OFFICER, password="wrong wrong wrong").status_code

    with ThreadPoolExecutor(len(browsers)) as pool:
        assert set(pool.map(guess, browsers)) == {401}
    assert failures(sessions) == throttle.FROM_ONE


def test_who_goes_on_trying_does_not_lengthen_the_wait(
    app: Flask, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    for _ in range(9):
        Browser(app.test_client()).post("/sign-in", account=OFFICER, password="wrong wrong wrong")
        Browser(app.test_client()).post("/setup", account=OFFICER, code="x", password="another long pass phrase")
    assert failures(sessions) == throttle.FROM_ONE
    with sessions() as session, session.begin():
        session.execute(update(SignInFailure).values(at=SignInFailure.at - throttle.WINDOW))
    assert "six digits" in Browser(app.test_client()).post("/sign-in", account=OFFICER, password=PASSWORD).text
    assert failures(sessions) == throttle.FROM_ONE, "a right password is no wrong try"
