"""Guessing: strangers are held up, and the owner in a browser they know is not."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session, sessionmaker

from dashboard.accounts import devices, passwords, throttle
from dashboard.models import SignInFailure
from oncall import staff
from oncall.models import Staff
from tests.conftest import make_settings
from tests.dashboard.browser import Browser
from tests.dashboard.conftest import PASSWORD
from tests.dashboard.test_sign_in import OFFICER, code_of

Sessions = sessionmaker[Session]
People = dict[str, uuid.UUID]


def at(app: Flask, address: str) -> Browser:
    """A browser somewhere in the world."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    return Browser(client)


def guess(app: Flask, times: int, account: str = OFFICER, *, first: int = 0) -> None:
    """Wrong passwords, each three from another address."""
    for number in range(first, first + times):
        at(app, f"203.0.113.{number // 3}").post("/sign-in", account=account, password="wrong wrong wrong")


def opens(browser: Browser) -> bool:
    return "six digits" in browser.post("/sign-in", account=OFFICER, password=PASSWORD).text


def signed_in_once(app: Flask, people: People, sessions: Sessions) -> Browser:
    """The officer's own browser: signed in with both proofs, and out again."""
    own = at(app, "198.51.100.7")
    assert opens(own)
    assert own.post("/sign-in/code", code=code_of(sessions, people["officer"])).status_code == 200
    own.post("/sign-out")
    assert own.get("/me").status_code == 303
    return own


def test_strangers_guesses_hold_up_strangers_and_not_the_owner_s_own_browser(
    app: Flask, people: People, sessions: Sessions
) -> None:
    own = signed_in_once(app, people, sessions)
    guess(app, throttle.FROM_ANYWHERE + 5)
    assert not opens(at(app, "192.0.2.1")), "a stranger with the right password is not looked at"
    assert opens(own), "the owner is"


def test_the_phone_and_the_address_of_one_account_are_guessed_together(
    app: Flask, people: People, sessions: Sessions
) -> None:
    with sessions() as session, session.begin():
        staff.change_email(session, people["officer"], "ada@example.org")
    guess(app, throttle.FROM_ANYWHERE // 2)
    guess(app, throttle.FROM_ANYWHERE // 2, "Ada@example.org", first=30)
    assert not opens(at(app, "192.0.2.1"))


def test_a_known_browser_is_no_way_to_guess(app: Flask, people: People, sessions: Sessions) -> None:
    """Somebody who took the mark has the five tries of any browser, wherever they stand."""
    own = signed_in_once(app, people, sessions)
    mark = own.client.get_cookie("koudmen-known")
    assert mark
    assert (mark.http_only, mark.same_site) == (True, "Strict")
    for number in range(throttle.FROM_ONE):
        thief = at(app, f"192.0.2.{number}")
        thief.client.set_cookie("koudmen-known", mark.value)
        assert thief.post("/sign-in", account=OFFICER, password="wrong wrong wrong").status_code == 401
    assert not opens(own)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(SignInFailure)) == throttle.FROM_ONE


def test_a_mark_counts_for_its_owner_and_its_time(app: Flask, people: People) -> None:
    now, officer = datetime.now(UTC), people["officer"]
    mark = devices.new(officer, now)
    assert devices.known(mark, officer, now + devices.GOOD_FOR - timedelta(minutes=1))
    assert devices.known(mark, officer, now + devices.GOOD_FOR + timedelta(minutes=1)) is None
    assert devices.known(mark, people["analyst"], now) is None
    assert devices.known(mark, None, now) is None
    nonce, until, sign = mark.split(".")
    for wrong in ("", "..", "x", f"{nonce}.{int(until) + 1}.{sign}", f"x{mark}", f"{nonce}.-1.{sign}", "é.1.x"):
        assert devices.known(wrong, officer, now) is None, wrong


def test_half_a_sign_in_leaves_no_mark(app: Flask, people: People) -> None:
    browser = at(app, "198.51.100.7")
    assert opens(browser)
    assert browser.client.get_cookie("koudmen-known") is None


def test_the_same_work_is_done_for_somebody_and_nobody(
    app: Flask, people: People, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time tells nobody whether there is an account: each is looked up, counted and hashed alike."""
    hashed: list[str] = []

    class Counting:
        """The hasher, which notes what it was given."""

        def verify(self, stored: str, password: str) -> bool:
            hashed.append(stored[:28])  # the kind of hash and what it costs
            return real.verify(stored, password)

    real = passwords._hasher
    with sessions() as session, session.begin():
        session.get_one(Staff, people["analyst"]).disabled_at = datetime.now(UTC)
    browsers = [at(app, f"203.0.113.{number}") for number in range(3)]
    for one in browsers:
        one.get("/sign-in")
    monkeypatch.setattr(passwords, "_hasher", Counting())
    asked: list[str] = []
    engine = app.extensions["koudmen"].sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    done = []
    for browser, account in zip(browsers, (OFFICER, "767 555 0199", "767 555 0153"), strict=True):
        asked.clear()
        hashed.clear()
        assert browser.post("/sign-in", account=account, password="wrong wrong wrong").status_code == 401
        done.append((list(asked), list(hashed)))
    assert done[0] == done[1] == done[2]
    assert len(done[0][1]) == 1
    assert done[0][1][0].startswith("$argon2id$")


@pytest.mark.parametrize("path", ["/sign-in", "/me"])
def test_a_made_up_cookie_has_no_ration_of_its_own(client: FlaskClient, app: Flask, path: str) -> None:
    app.extensions["koudmen"].buckets.burst = 10
    answers = []
    for number in range(20):
        client.set_cookie("koudmen-staff", f"made-up-{number}.{'0' * 32}")
        answers.append(client.get(path).status_code)
    assert answers[-1] == 429
    assert 429 not in answers[:9]


def test_callers_behind_a_trusted_proxy_are_told_apart(app: Flask, people: People) -> None:
    site = app.extensions["koudmen"]
    home = site.settings.home
    proxied = make_settings(home, DATABASE_URL=site.settings.database_url, KOUDMEN_TRUSTED_PROXIES="10.0.0.5")
    app.extensions["koudmen"] = type(site)(proxied, site.sessions, site.bell, site.buckets)

    def from_(address: str) -> Browser:
        browser = at(app, "10.0.0.5")
        browser.client.environ_base["HTTP_X_FORWARDED_FOR"] = address
        return browser

    for _ in range(throttle.FROM_ONE):
        from_("203.0.113.1").post("/sign-in", account=OFFICER, password="wrong wrong wrong")
    assert not opens(from_("203.0.113.1"))
    assert opens(from_("203.0.113.2"))
