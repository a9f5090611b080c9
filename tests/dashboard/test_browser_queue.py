"""The queue in a real Chromium: what comes in is seen and heard without a reload, and a lost line is said."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from base.settings import Settings
from bot.drain import Drain
from bot.rasa import Away
from dashboard.models import StaffSession
from messaging import inbox, simulator
from oncall.models import Case
from tests.dashboard.chromium import NARROW, WIDE, grave_faults, served, sign_in, started
from tests.dashboard.queue_world import opened, owned

pytestmark = pytest.mark.browser
COUNT_TONES = """
window.tones = 0;
const made = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () { window.tones += 1; return made.call(this); };
"""


@dataclass
class Night:
    """One officer at the queue."""

    app: Flask
    base: str
    browser: Browser
    sessions: sessionmaker[Session]
    people: dict[str, uuid.UUID]

    def page(self, script: str = "", **options: object) -> Page:
        """A browser of its own, with nobody's settings in it, signed in as the officer."""
        context = self.browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        context.add_init_script(f"window.loads = 1; {script}")
        sign_in(context, self.app, self.base, self.sessions, self.people["officer"])
        return context.new_page()

    def queue(self, script: str = "", **options: object) -> Page:
        page = self.page(script, **options)
        page.goto(f"{self.base}/queue")
        return page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture
def night(
    app: Flask, chromium: Browser, sessions: sessionmaker[Session], people: dict[str, uuid.UUID]
) -> Iterator[Night]:
    with served(app) as base:
        yield Night(app, base, chromium, sessions, people)
        for context in chromium.contexts:
            context.close()


def line(page: Page, words: str) -> None:
    expect(page.locator("#line")).to_contain_text(words, timeout=15_000)


def test_a_disclosure_in_kreyol_is_seen_and_heard_without_a_reload_and_taken(night: Night, settings: Settings) -> None:
    page = night.queue(COUNT_TONES)
    line(page, "Live")
    expect(page.get_by_text("No case is open")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^Queue · "))
    page.get_by_role("button", name="Sound is off").click()
    expect(page.get_by_role("button", name="Sound is on")).to_have_attribute("aria-pressed", "true")
    page.evaluate("window.loads = 'the same page'; window.tones = 0")

    with transaction(night.sessions) as session:
        inbox.receive(session, simulator.parse_inbound("sms", "+17675550101", "mari m ap bat mwen, li gen yon kouto"))
    assert Drain(night.sessions, Away(), settings).run(seconds=10) == 1
    with night.sessions() as session:
        case = session.scalars(select(Case)).one()
    assert (case.severity, case.language) == ("critical", "ht")

    found = page.locator("tbody tr")
    expect(found).to_contain_text([f"{case.code}"])
    expect(found).to_have_class("fresh")
    for words in ("critical", "Haitian Creole", "nobody"):
        expect(found).to_contain_text(words)
    expect(page).to_have_title(re.compile(r"^\(1\) !!! Queue · "))
    expect(page.locator("#told")).to_have_text("Without anybody: 1. Critical among them: 1.")
    assert page.evaluate("[window.loads, window.tones]") == ["the same page", 3]
    assert "kouto" not in page.content()

    page.get_by_role("button", name=f"Take case {case.code}").click()
    expect(page.get_by_text(f"Case {case.code} is yours now")).to_be_visible()
    expect(page.locator("tbody tr")).to_contain_text("you")
    expect(page).to_have_title(re.compile(r"^Queue · "))
    expect(page.get_by_role("button", name="Take")).to_have_count(0)


def test_a_critical_case_is_heard_whatever_is_filtered_and_only_once(night: Night) -> None:
    page = night.page(COUNT_TONES)
    page.goto(f"{night.base}/queue?mine=1")
    line(page, "Live")
    page.get_by_role("button", name="Sound is off").click()
    page.evaluate("window.tones = 0")
    opened(night.sessions, "critical")
    expect(page).to_have_title(re.compile(r"^\(1\) !!! "))
    opened(night.sessions, "high")
    expect(page).to_have_title(re.compile(r"^\(2\) !!! "))
    assert page.evaluate("window.tones") == 3
    assert page.locator("tbody tr").count() == 0


def test_the_sound_is_remembered_and_can_be_switched_off(night: Night) -> None:
    page = night.queue(COUNT_TONES)
    page.get_by_role("button", name="Sound is off").click()
    expect(page.get_by_role("button", name="Sound is on")).to_be_visible()
    page.reload()
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("heading", name="Queue").click()
    page.get_by_role("button", name="Sound is on").click()
    expect(page.get_by_role("button", name="Sound is off")).to_be_visible()
    page.evaluate("window.tones = 0")
    opened(night.sessions, "critical")
    expect(page).to_have_title(re.compile(r"^\(1\) !!! "))
    assert page.evaluate("window.tones") == 0


def test_focus_and_place_stay_when_the_rows_change(night: Night) -> None:
    cases = [opened(night.sessions, "high", due_in=30 + number) for number in range(30)]
    page = night.queue(viewport=NARROW)
    line(page, "Live")
    button = page.get_by_role("button", name=f"Take case {cases[20].code}")
    button.focus()
    before = page.evaluate("document.activeElement.getAttribute('aria-label')")
    scrolled = page.evaluate("scrollY")
    assert scrolled > 0
    worst = opened(night.sessions, "critical")
    expect(page.get_by_role("link", name=worst.code, exact=True)).to_be_attached()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == before
    assert page.evaluate("scrollY") == scrolled


def test_a_lost_line_is_said_and_found_again(night: Night) -> None:
    page = night.queue()
    line(page, "Live")

    def fail(route: Route) -> None:
        route.abort()

    for path in ("**/live", "**/queue/rows*"):
        page.context.route(path, fail)
    hub = night.app.extensions["live"]
    hub.stop()
    line(page, "Not connected. This is how it was at")
    hub.serving = lambda: True
    for path in ("**/live", "**/queue/rows*"):
        page.context.unroute(path, fail)
    case = opened(night.sessions)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.get_by_role("link", name=case.code, exact=True)).to_be_visible()
    expect(page.locator("#line")).not_to_contain_text("Not connected")


def test_a_line_that_died_without_a_word_is_opened_anew(night: Night) -> None:
    page = night.page()
    page.clock.install()
    page.goto(f"{night.base}/queue")
    line(page, "Live")
    with page.expect_request("**/live"):
        page.clock.fast_forward(46_000)
    line(page, "Live")


def test_a_finger_holds_the_rows_still_but_not_for_ever(night: Night) -> None:
    opened(night.sessions)
    page = night.queue()
    line(page, "Live")
    page.get_by_role("heading", name="Queue").hover()
    before = page.evaluate("performance.now()")
    page.mouse.down()
    case = opened(night.sessions, "critical")
    expect(page.get_by_role("link", name=case.code, exact=True)).to_be_visible()
    assert page.evaluate("performance.now()") - before >= 3_000


@pytest.mark.parametrize("why", ["no event source", "too many live pages"])
def test_without_a_live_line_it_asks_every_ten_seconds(night: Night, why: str) -> None:
    if why == "too many live pages":
        night.app.extensions["live"].most = 0
    page = night.page("delete window.EventSource" if why == "no event source" else "")
    page.clock.install()
    page.goto(f"{night.base}/queue")
    line(page, "every 10 seconds")
    row = page.get_by_role("link", name=opened(night.sessions).code, exact=True)
    for _ in range(3):  # a question may be under way, asked before the case was there
        page.clock.fast_forward(11_000)
        page.wait_for_timeout(500)
    expect(row).to_be_visible()


def test_who_is_signed_out_elsewhere_is_sent_to_sign_in(night: Night) -> None:
    page = night.queue()
    line(page, "Live")
    with transaction(night.sessions) as session:
        session.execute(update(StaffSession).values(ended_at=datetime.now(UTC)))
    page.wait_for_url(re.compile(r"/sign-in\?then=/queue$"))


def test_before_the_session_ends_a_button_keeps_it(night: Night) -> None:
    page = night.queue()
    line(page, "Live")
    expect(page.locator("#idle")).to_be_hidden()
    with transaction(night.sessions) as session:
        session.execute(update(StaffSession).values(seen_at=datetime.now(UTC) - timedelta(minutes=28, seconds=30)))
    opened(night.sessions)
    page.get_by_role("link", name="Stay signed in").click()
    line(page, "Live")
    expect(page.locator("#idle")).to_be_hidden()
    with night.sessions() as session:
        seen = session.scalars(select(StaffSession.seen_at)).one()
    assert datetime.now(UTC) - seen < timedelta(minutes=5)


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["390", "1280"])
def test_nobody_is_kept_out_by_the_page(night: Night, size: dict[str, int], colours: str) -> None:
    opened(night.sessions, "critical", language="ht", due_in=-5)
    opened(night.sessions, "standard", drill=True)
    owned(night.sessions, night.people["officer"], news="message")
    owned(night.sessions, night.people["supervisor"], late=2)
    page = night.queue(viewport=size, color_scheme=colours)
    line(page, "Live")
    assert grave_faults(page) == []
    page.get_by_text("Filters", exact=True).click()
    assert grave_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off at the side"
    small = page.evaluate("""[...document.querySelectorAll("main a, main button, main summary, main label")]
        .filter(one => one.offsetParent && !one.closest("p"))
        .filter(one => one.getBoundingClientRect().height < 24 || one.getBoundingClientRect().width < 24)
        .map(one => one.textContent)""")
    assert small == []


def test_without_script_the_page_works(night: Night) -> None:
    case = opened(night.sessions, "critical")
    page = night.queue(java_script_enabled=False)
    assert page.title().startswith("(1) !!! Queue")
    page.get_by_role("button", name=f"Take case {case.code}").click()
    expect(page.get_by_text(f"Case {case.code} is yours now")).to_be_visible()
