"""Stories in a real Chromium: a rota gap is found and filled, signing in with a passkey and with a one-time code,
and every page of this part, narrow and wide, with nobody kept out.

`KOUDMEN_SHOTS=docs/images` keeps pictures of them.
"""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from base import audit
from base.clock import DOMINICA
from base.db import transaction
from base.heartbeat import Heartbeat, beat
from dashboard import typed
from dashboard.models import Credential, StaffSession
from oncall import alarms, rota, staff, swaps, watch
from oncall.duty import Duty
from oncall.models import Shift, Staff
from tests.dashboard.chromium import NARROW, WIDE, grave_faults, served, sign_in, started
from tests.dashboard.conftest import PASSWORD

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("KOUDMEN_SHOTS")
NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = typed.midnight(NOW.astimezone(DOMINICA).date())
DAY = timedelta(days=1)
People = dict[str, uuid.UUID]
Sessions = sessionmaker[Session]
# name -> (role, address)
PAGES = {
    "rota": ("supervisor", "/rota"),
    "rota-officer": ("officer", "/rota"),
    "rota-shift": ("supervisor", "/rota/shift?level=2"),
    "rota-rotation": ("administrator", "/rota/rotation"),
    "rota-override": ("supervisor", "/rota/override"),
    "rota-swap": ("officer", "/rota/swap"),
    "accounts": ("administrator", "/accounts"),
    "account-new": ("administrator", "/accounts/new"),
    "account": ("administrator", "/accounts/{officer}"),
    "roles": ("supervisor", "/roles"),
    "audit": ("supervisor", "/audit"),
    "health": ("administrator", "/health"),
    "me": ("officer", "/me"),
    "second": ("officer", "/me/second"),
    "recovery": ("officer", "/me/recovery"),
    "again": ("officer", "/again"),
    "sign-in": ("", "/sign-in"),
    "setup": ("", "/setup"),
    "code": ("", "/sign-in/code"),
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture
def base(app: Flask) -> Iterator[str]:
    with served(app) as address:
        yield address.replace("127.0.0.1", "localhost")  # passkeys know names only


@pytest.fixture
def week(sessions: Sessions, people: People) -> Iterator[None]:
    """A week with gaps, an unconfirmed phone, a swap that waits, test pages, a log, alarms and signs of life."""
    monday = typed.midnight(typed.monday(TODAY.date()))
    with transaction(sessions) as session:
        rose = staff.add(session, "Rose Toussaint", ["officer"], NOW, phone="+17675550170", verified=True).id
        staff.add(session, "Jean Baptiste", ["officer", "editor"], NOW, phone="+17675550171", languages=["ht", "acf"])
        for name, role in (("Ada Joseph", "officer"), ("Marie Laurent", "supervisor")):
            session.get_one(Staff, people[role]).name = name
        rota.add_rotation(session, "Days", 1, [people["officer"], rose], monday, NOW, turn_days=1,
                          windows="Mon-Sun 06:00-22:00")  # fmt: skip
        for number in (0, 1, 2, 3, 5, 6):
            at = monday + number * DAY
            rota.add_shift(session, people["supervisor"], 2, at, at + DAY, NOW)
        rota.add_shift(session, people["analyst"], 1, monday + 4 * DAY, monday + 4 * DAY + DAY, NOW)
        session.get_one(Staff, people["analyst"]).phone_verified_at = None
        mine, theirs = _duties(rota.planned(session, TODAY + DAY, TODAY + 9 * DAY), people["officer"], rose)
        swaps.ask(session, people["officer"], mine, theirs, NOW)
        watch.test_page(session, session.get_one(Staff, people["officer"]), NOW)
        staff.add(session, "Lise Rolle", ["officer"], NOW, phone="+17675550172", by=people["administrator"])
        alarms.raise_alarm(session, "gap", NOW, subject="nobody 1")
        for number, action in enumerate(("signed in", "case viewed", "shift added", "report exported", "account made")):
            audit.record(session, action, NOW - number * timedelta(hours=5), actor=people["officer"],
                         subject=f"case:{uuid.UUID(int=number)}")  # fmt: skip
        for name in ("worker turn 1", "sweeper", "engine", "synthetic"):
            beat(session, name, "ok")
    yield
    with transaction(sessions) as session:
        for one in session.scalars(select(Heartbeat)):
            session.delete(one)


def _duties(plan: list[Duty], *who: uuid.UUID) -> list[Duty]:
    return [next(duty for duty in plan if duty.staff_id == one) for one in who]


def opened(chromium: Browser, app: Flask, base: str, sessions: Sessions, who: uuid.UUID | None) -> Page:
    context = chromium.new_context(viewport=WIDE, base_url=base)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    if who:
        sign_in(context, app, base, sessions, who)
    return context.new_page()


def test_a_rota_gap_is_found_and_filled(
    chromium: Browser, app: Flask, base: str, sessions: Sessions, people: People
) -> None:
    page = opened(chromium, app, base, sessions, people["supervisor"])
    page.goto("/")
    page.get_by_role("link", name="Rota", exact=True).click()
    page.get_by_role("link", name="Week after").click()
    first = page.locator("table.week tbody tr").first
    expect(first).to_contain_text("Gap: all day, nobody")
    first.get_by_role("link", name="Fill").first.click()
    page.get_by_role("button", name="Put it into the rota").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose who is on duty")
    page.locator("select[name=staff]").select_option(label="The officer")
    page.get_by_role("button", name="Put it into the rota").click()
    expect(page.get_by_role("status").filter(has_text="It is in the rota")).to_be_visible()
    cell = page.locator("table.week tbody tr").first.locator("td").first
    expect(cell).to_contain_text("all day The officer")
    expect(cell).not_to_contain_text("Gap")
    page.context.close()
    with transaction(sessions) as session:
        shift = session.scalars(select(Shift)).one()
    assert (shift.level, shift.staff_id, shift.ends_at - shift.starts_at) == (1, people["officer"], DAY)


def test_a_passkey_is_made_and_signs_in(
    chromium: Browser, app: Flask, base: str, sessions: Sessions, people: People
) -> None:
    page = opened(chromium, app, base, sessions, people["officer"])
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    key = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
           "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip
    made = tools.send("WebAuthn.addVirtualAuthenticator", {"options": key})
    page.goto("/me/second")
    page.get_by_label("Name of this device").fill("My phone")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/me/recovery")
    assert len(tools.send("WebAuthn.getCredentials", {"authenticatorId": made["authenticatorId"]})["credentials"]) == 1
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(lambda url: "sign-in" not in url)
    page.goto("/me")
    expect(page.locator("main")).to_contain_text("Passkey My phone")
    page.context.close()
    with transaction(sessions) as session:
        ways = session.scalars(select(StaffSession.how).where(StaffSession.ended_at.is_(None))).all()
    assert list(ways) == ["passkey"]


def test_a_one_time_code_signs_in(chromium: Browser, app: Flask, base: str, sessions: Sessions, people: People) -> None:
    page = opened(chromium, app, base, sessions, None)
    page.goto("/me")
    page.get_by_label("E-mail or phone number").fill("767 555 0150")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    with transaction(sessions) as session:
        secret = session.get_one(Credential, people["officer"]).totp_secret
    page.get_by_label("The six digits").fill(pyotp.TOTP(str(secret)).now())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/me")
    expect(page.get_by_role("heading", name="The officer")).to_be_visible()
    page.context.close()


def test_a_new_password_is_measured_and_can_be_shown(
    chromium: Browser, app: Flask, base: str, sessions: Sessions, people: People
) -> None:
    page = opened(chromium, app, base, sessions, None)
    page.goto("/setup")
    field, told = page.get_by_label("New password"), page.locator("[data-told]")
    for letters, word in (
        ("mango", "too short"), ("passwordpassword1", "easy to guess"), ("aaaaaaaaaaaaaa", "easy to guess"),
        ("mangotrees12", "fair"), ("four mango words here", "good"),
    ):  # fmt: skip
        field.fill(letters)
        expect(told).to_contain_text(word)
        expect(page.locator("meter")).to_be_visible()
    show = page.get_by_role("button", name="Show what is typed")
    expect(field).to_have_attribute("type", "password")
    show.click()
    expect(field).to_have_attribute("type", "text")
    expect(show).to_have_attribute("aria-pressed", "true")
    expect(field).to_be_focused()
    assert grave_faults(page) == []
    show.click()
    expect(field).to_have_attribute("type", "password")
    page.context.close()


@pytest.mark.usefixtures("week")
def test_every_page_is_open_to_everybody_narrow_and_wide(
    chromium: Browser, app: Flask, base: str, sessions: Sessions, people: People
) -> None:
    elsewhere: list[str] = []
    pages = {role: opened(chromium, app, base, sessions, people.get(role)) for role in {r for r, _ in PAGES.values()}}
    for page in pages.values():
        page.on("request", lambda asked: elsewhere.append(asked.url) if not asked.url.startswith(base) else None)
    for name, (role, path) in PAGES.items():
        page = pages[role]
        for size in (WIDE, NARROW):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            answer = page.goto(path.format(officer=people["officer"]))
            assert answer
            assert answer.status == 200, name
            if size is NARROW:
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is cut off"
            if SHOTS:
                page.screenshot(path=Path(SHOTS) / f"staff-{name}-{size['width']}.png", full_page=True)
        assert grave_faults(page) == [], name
    for page in pages.values():
        page.context.close()
    assert elsewhere == []
