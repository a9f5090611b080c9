"""The case page in a real Chromium: the whole story of a case, the count of segments, and what axe-core says."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from base.settings import Settings
from bot.drain import Drain
from bot.rasa import Away
from dashboard.case import gsm
from messaging import inbox, simulator
from messaging.segments import BASIC, EXTENDED, plain, segments
from oncall.models import Case
from tests.dashboard.case_world import KNIFE, Cases, world
from tests.dashboard.chromium import NARROW, WIDE, grave_faults, served, sign_in, started

__all__ = ["world"]
pytestmark = pytest.mark.browser
Opened = Callable[..., Page]
ROOT = Path(__file__).parents[2]
TEXTS = [
    "", "a", "x" * 160, "x" * 161, "x" * 306, "x" * 307, "x" * 918, "€" * 80, "€" * 81, "x" * 152 + "€" + "x" * 153,
    "x" * 159 + "€", "Mwen pè, ede m", "kwéyòl à ù ì ñ Ü", "’“”«»–—…", "ê ô î ç Á", "漢字" * 35, "漢字" * 36, "😀" * 35,
    "😀" * 36, "x" * 66 + "😀" * 40, "a\nb" * 60, "  spaces around  " * 10, "^{}\\[~]|" * 20, "ç" * 161, "Ω Δ Φ" * 40,
    "\u00a0" * 10, "Kijan ou ye? " * 80, "x" * 133 + "漢", "e\u0301" * 40, "@£$¥" * 41,
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as found:
        yield found


@pytest.fixture
def opened(
    app: Flask, browser: Browser, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> Iterator[Opened]:
    """`opened("officer", path)`: that person's browser at a page; `width`: of the window."""
    contexts: list[BrowserContext] = []
    with served(app) as address:

        def open_(role: str, path: str, *, width: dict[str, int] = NARROW) -> Page:
            context = browser.new_context(viewport=width, base_url=address)  # type: ignore[arg-type]
            contexts.append(context)
            sign_in(context, app, address, sessions, people[role])
            page = context.new_page()
            page.on("pageerror", lambda error: pytest.fail(f"script: {error}"))
            page.goto(path)
            return page

        yield open_
        for context in contexts:
            context.close()


def act(page: Page, part: str) -> None:
    """Unfold a part of the page."""
    page.locator(f"#{part} > summary").click()


def test_the_story_of_a_case(opened: Opened, world: Cases, sessions: sessionmaker[Session], settings: Settings) -> None:
    with transaction(sessions) as session:
        inbox.receive(session, simulator.parse_inbound("sms", "+17675550101", "mari m ap touye m, li gen kouto"))
    Drain(sessions, Away(), settings).once()
    with sessions() as session:
        case = session.scalars(select(Case)).one()
    world.set(case, severity="critical")

    page = opened("officer", f"/c/{case.code}")
    expect(page.locator("body")).not_to_contain_text("kouto")
    page.get_by_role("button", name="View this case").click()
    expect(page.locator(".thread")).to_contain_text("li gen kouto")
    page.get_by_role("button", name="Take this case", exact=True).click()
    expect(page.locator("#live")).to_contain_text("You have this case.")

    page.locator("#words").fill("Bonjou, mwen se Ada. Eske ou ka ekri kounye a?")
    expect(page.locator("#count")).to_have_text("1 SMS, 46 letters")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".thread li.officer")).to_contain_text("Bonjou, mwen se Ada.")
    assert world.sent() == [("Bonjou, mwen se Ada. Eske ou ka ekri kounye a?", "queued")]

    act(page, "consent")
    page.locator("#consent select[name=purpose]").select_option("share")
    page.get_by_role("button", name="Record it").click()
    act(page, "refer")
    page.locator("#refer select[name=need]").select_option("safety")
    page.get_by_role("button", name="Search").click()
    page.locator("#refer .found summary").first.click()
    page.locator("#refer .found button").first.click()
    expect(page.locator(".note").first).to_contain_text("The referral is recorded.")

    act(page, "step")
    page.locator("#step button", has_text="Done").first.click()
    expect(page.locator(".note").first).to_contain_text("Done.")

    act(page, "close")
    page.get_by_role("button", name="Close this case").click()
    expect(page.locator(".note").first).to_contain_text("A supervisor is asked to agree.")

    boss = opened("supervisor", f"/c/{case.code}", width=WIDE)
    boss.get_by_role("button", name="View this case").click()
    boss.get_by_role("button", name="Agree: close it").click()
    expect(boss.locator("#live")).to_contain_text("Closed")
    assert world.case(case).state == "closed"
    kinds = world.kinds(case)
    story = ["viewed", "acknowledged", "engaged", "reply", "consent", "referred", "step", "closing", "closed"]
    assert [kind for kind in kinds if kind in story] == [*story[:-1], "viewed", "closed"]
    assert ("case approve", f"case:{case.id}") in world.audit(), "and the chain is whole"


def test_the_script_counts_segments_as_the_sender_does(browser: Browser) -> None:
    page = browser.new_page()
    page.add_script_tag(path=ROOT / "dashboard" / "static" / "case.js")
    every = sorted(BASIC | EXTENDED)
    for text_ in [*TEXTS, *(letter * 161 for letter in every), "".join(every) * 3]:
        counted = page.evaluate("([words, gsm]) => koudmenSegments(words, gsm)", [text_, gsm()])
        assert counted == segments(plain(text_.strip())), repr(text_[:40])
    page.close()


def test_a_new_message_and_another_s_writing_show_by_themselves(opened: Opened, world: Cases) -> None:
    case = world.write("first words")
    page = opened("officer", f"/c/{case.code}")
    page.clock.install()
    page.get_by_role("button", name="View this case").click()
    boss = opened("supervisor", f"/c/{case.code}", width=WIDE)
    boss.get_by_role("button", name="View this case").click()
    with page.expect_response("**/writing"):
        page.locator("#words").type("Bon")
    world.write("second words <b>bold</b>", told=None)
    boss.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(boss.locator(".thread")).to_contain_text("second words <b>bold</b>")
    expect(boss.locator(".writing")).to_contain_text("The officer is writing now.")
    page.clock.run_for(11_000)
    expect(page.locator(".thread")).to_contain_text("second words <b>bold</b>")
    expect(page.locator("#words")).to_have_value("Bon")


def test_when_the_look_is_over_the_words_go_and_what_was_typed_stays(opened: Opened, world: Cases) -> None:
    case = world.write("secret words")
    page = opened("officer", f"/c/{case.code}")
    page.get_by_role("button", name="View this case").click()
    with page.expect_response("**/writing"):
        page.locator("#words").fill("half a reply")
    world.away(timedelta(minutes=16))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#live")).to_contain_text("Look again")
    expect(page.locator("main")).not_to_contain_text("secret words")
    expect(page.locator("#words")).to_have_value("half a reply")


def test_a_texter_s_script_does_not_run(opened: Opened, world: Cases) -> None:
    case = world.write('<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>')
    page = opened("officer", f"/c/{case.code}")
    page.get_by_role("button", name="View this case").click()
    expect(page.locator(".thread")).to_contain_text("<script>")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page).to_have_title(f"Case {case.code} · Koudmen")


@pytest.mark.parametrize("width", [NARROW, WIDE], ids=["phone", "wide"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened: Opened, world: Cases, width: dict[str, int], scheme: str) -> None:
    case = world.write("mari m ap bat mwen", told=KNIFE, answer="Rele 999. Eske ou an sekirite kounye a? 1 wi 2 non")
    page = opened("officer", f"/c/{case.code}", width=width)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    assert grave_faults(page) == [], "cover"
    page.get_by_role("button", name="View this case").click()
    page.get_by_role("button", name="Take this case", exact=True).click()
    expect(page.locator("#live")).to_contain_text("You have this case.")
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert grave_faults(page) == [], "page"
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not wide, "nothing stands beside the screen"
    page.locator("#severity select").select_option("standard")
    page.get_by_role("button", name="Change the severity").click()
    expect(page.locator("#wrong-severity")).to_be_visible()
    assert grave_faults(page) == [], "with a fault"
    page.goto(f"/c/{case.code}/record")
    assert grave_faults(page) == [], "record"
    page.goto("/c/1")
    assert grave_faults(page) == [], "no such case"


def test_the_record_is_printed_without_the_site_around_it(opened: Opened, world: Cases) -> None:
    case = world.write("mari m ap bat mwen")
    page = opened("supervisor", f"/c/{case.code}/record", width=WIDE)
    page.emulate_media(media="print")
    expect(page.locator("header.top")).to_be_hidden()
    expect(page.locator("article")).to_contain_text("mari m ap bat mwen")
    assert [action for action, _ in world.audit()].count("case record printed") == 1
