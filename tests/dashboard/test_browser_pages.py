"""Every page in a real Chromium, narrow and wide: nobody is kept out, nothing is cut off, nothing is fetched elsewhere.

`KOUDMEN_SHOTS=docs/images` keeps pictures of them.
"""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

import directory.models as m
from base.db import transaction
from base.settings import Settings
from bot import learning
from bot.drain import Drain
from bot.models import Demand, UnreadMessage
from bot.rasa import Away
from bot.unread import close
from dashboard.reports.period import month
from messaging import inbox, simulator
from tests.dashboard.chromium import NARROW, WIDE, grave_faults, served, sign_in, started

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("KOUDMEN_SHOTS")
CUT_OFF = """document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
    .filter(one => one.getBoundingClientRect().right > innerWidth && !one.closest(".scroll"))
    .map(one => one.outerHTML.slice(0, 120))"""
# name -> (role, address)
PAGES = {
    "unread": ("officer", "/unread"),
    "unread-one": ("officer", "/unread/{unread}"),
    "unread-dealt-with": ("officer", "/unread/{dealt_with}"),
    "again": ("officer", "/again?then=/me"),
    "examples": ("supervisor", "/unread/examples"),
    "directory": ("editor", "/directory"),
    "service": ("editor", "/directory/{service}"),
    "to-check": ("editor", "/directory/stale"),
    "coverage": ("editor", "/directory/coverage"),
    "service-change": ("editor", "/directory/rows/service/{service}"),
    "service-history": ("editor", "/directory/{service}/history"),
    "service-texts": ("editor", "/directory/{service}/texts"),
    "files": ("editor", "/directory/files"),
    "twice": ("editor", "/directory/duplicates"),
    "service-add": ("editor", "/directory/{service}/add/phone"),
    "report": ("analyst", "/reports"),
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture
def ids(sessions: sessionmaker[Session], settings: Settings, people: dict[str, uuid.UUID]) -> dict[str, object]:
    """Something on every page."""
    drain = Drain(sessions, Away(), settings)
    for phone, *texts in (
        ("+17675550111", "bonjou", "frelon an ka pike dlo", "tout moun isit la gen blokis nan zorey"),
        ("+17675550112", "good day", "zog blimp frak", "quux the flot again"),
        ("+17675550113", "pouki moun yo pa reponn", "mwen pa konprann sa w di la"),
    ):
        for words in texts:
            with transaction(sessions) as session:
                inbox.receive(session, simulator.parse_inbound("sms", phone, words))
            drain.once()
    last, now = month(None, datetime.now(UTC).date()), datetime.now(UTC)
    with transaction(sessions) as session:
        for number in range(240):
            need, parish = (
                ("food", "health", "shelter", "work")[number % 4],
                (None, "Saint George", "Saint Paul")[number % 3],
            )
            day: date = last.first + timedelta(days=number % 28)
            language, outcome = ("ht", "en", "ht", "acf")[number % 4], "none" if number % 7 == 0 else "found"
            session.add(Demand(day=day, need=need, parish=parish, language=language, channel="sms", outcome=outcome))
        learning.propose(session, people["officer"], words="mwen bezwen yon kay pou lwe", label="find_shelter",
                         language="ht", at=now)  # fmt: skip
        dealt_with, *_, unread = session.scalars(select(UnreadMessage.id).order_by(UnreadMessage.id))
        close(session, dealt_with, people["officer"], now)
        service = session.scalars(
            select(m.Service.id).join(m.Phone, m.Phone.service_id == m.Service.id).order_by(m.Service.name)
        ).first()
    return {"unread": unread, "dealt_with": dealt_with, "service": service}


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["390", "1280"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_keeps_nobody_out(
    name: str, size: dict[str, int], app: Flask, chromium: Browser, sessions: sessionmaker[Session],
    people: dict[str, uuid.UUID], ids: dict[str, object],
) -> None:  # fmt: skip
    role, path = PAGES[name]
    with served(app) as base:
        context = chromium.new_context(viewport=size)  # type: ignore[arg-type]
        sign_in(context, app, base, sessions, people[role])
        page, wrong = context.new_page(), list[str]()
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if request.url.startswith(base) else wrong.append("fetched elsewhere"))
        answer = page.goto(base + path.format(**ids))
        assert answer
        assert answer.status == 200
        assert grave_faults(page) == []
        assert page.evaluate(CUT_OFF) == []
        assert wrong == []
        keep(page, f"staff-{name}-{size['width']}")
        context.close()


def keep(page: Page, name: str) -> None:
    """A picture, when pictures are asked for."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")
