"""The whole story, through real processes and real browsers: a cry for help on a phone, a page answered by text, the
officer's work on the staff site, a supervisor's yes, one in the report, and a log that is whole. And another: a wrong
number in the directory, from a text to what is told afterwards."""

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session, sessionmaker

import directory.models as m
from base import audit
from base.clock import DOMINICA
from base.db import database_now, transaction
from dashboard.models import MonthlyReport
from dashboard.reports import figures
from dashboard.reports.period import month
from oncall import rota
from oncall.models import Case
from tests.conftest import KEYS, quiet_config
from tests.dashboard.chromium import NARROW, WIDE, served, sign_in, started
from tests.dashboard.conftest import app, people
from tests.service import HTTP, Service, free_port, wait_until

__all__ = ["app", "people"]
pytestmark = [pytest.mark.slow, pytest.mark.browser]
TEXTER, OFFICER = "+17675550101", "+17675550150"
CODE = re.compile(r"\b[0-9]{4}\b")


@pytest.fixture
def phones(
    tmp_path: Path, engine: Engine, database_url: str, redis_url: str, rasa: tuple[str, str]
) -> Iterator[Service]:
    """The public application with simulated phones, workers, sweeper and engine."""
    env = {
        "KOUDMEN_HOME": str(tmp_path), "KOUDMEN_CONFIG": str(quiet_config(tmp_path)), "KOUDMEN_KEYS": KEYS,
        "DATABASE_URL": database_url, "REDIS_URL": redis_url, "RASA_URL": rasa[0], "RASA_TOKEN": rasa[1],
        "PORT": str(free_port()),
    }  # fmt: skip
    service = Service(env, tmp_path)
    service.start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with started() as browser:
        yield browser


def thread(service: Service, number: str) -> list[str]:
    """What a simulated phone shows of us."""
    headers = {"X-Mode": "sms", "X-Number": number}
    told = orjson.loads(HTTP.request("GET", f"{service.url}/simulator/messages", headers=headers).data)["messages"]
    return [one["text"] for one in told if one["side"] == "them"]


def text(service: Service, number: str, words: str) -> None:
    body = orjson.dumps({"mode": "sms", "number": number, "text": words})
    answer = HTTP.request(
        "POST", f"{service.url}/simulator/messages", body=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status == 201


def phone(browser: Browser, service: Service) -> Page:
    """A person's phone, in a browser."""
    page = browser.new_context(viewport=NARROW).new_page()  # type: ignore[arg-type]
    page.goto(f"{service.url}/simulator")
    return page


def send(page: Page, words: str) -> None:
    page.locator("#text").fill(words)
    page.get_by_role("button", name="Send", exact=True).click()


def desk(browser: Browser, app: Flask, base: str, sessions: sessionmaker[Session], who: uuid.UUID) -> Page:
    """A member of staff, signed in."""
    context: BrowserContext = browser.new_context(viewport=WIDE, base_url=base)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    sign_in(context, app, base, sessions, who)
    return context.new_page()


def test_a_cry_for_help_from_the_first_text_to_the_report(
    phones: Service, app: Flask, chromium: Browser, sessions: sessionmaker[Session], people: dict[str, uuid.UUID]
) -> None:
    with transaction(sessions) as session:
        now = database_now(session)
        rota.add_shift(session, people["officer"], 1, now - timedelta(hours=1), now + timedelta(hours=9), now)
    with served(app) as base:
        officer = desk(chromium, app, base, sessions, people["officer"])
        officer.goto("/queue")
        expect(officer.get_by_text("No case is open")).to_be_visible()
        expect(officer.locator("#line")).to_contain_text("Live")

        person = phone(chromium, phones)
        send(person, "mari m ap touye m, li gen kouto")
        expect(person.locator("#thread")).to_contain_text("999", timeout=10_000)
        with sessions() as session:
            code = session.scalars(select(Case.code)).one()
        expect(officer.get_by_role("link", name=code, exact=True)).to_be_visible(timeout=10_000)  # without a reload

        wait_until(lambda: any(CODE.search(one) for one in thread(phones, OFFICER)), "the page is on the phone", 15)
        page_text = next(one for one in thread(phones, OFFICER) if code in one)
        assert not {"kouto", "mari", TEXTER} & set(page_text.split())
        text(phones, OFFICER, f"A {code}")
        wait_until(lambda: any(f"{code} is yours" in one for one in thread(phones, OFFICER)), "it is taken by text", 15)

        officer.get_by_role("link", name=code, exact=True).click()
        officer.get_by_role("button", name="View this case").click()
        expect(officer.locator(".thread")).to_contain_text("li gen kouto")
        officer.locator("#words").fill("Bonjou, mwen se Ada. Mwen la pou ou.")
        if officer.locator("#reply [name=override]").count():
            officer.locator("#reply [name=override]").select_option(index=1)
        officer.get_by_role("button", name="Send", exact=True).click()
        expect(person.locator("#thread")).to_contain_text("Mwen la pou ou.", timeout=15_000)

        care(officer)
        expect(officer.locator(".note").first).to_contain_text("A supervisor is asked to agree.")

        boss = desk(chromium, app, base, sessions, people["supervisor"])
        boss.goto(f"/c/{code}")
        boss.get_by_role("button", name="View this case").click()
        boss.get_by_role("button", name="Agree: close it").click()
        expect(boss.locator("#live")).to_contain_text("Closed")

        accounted_for(sessions, desk(chromium, app, base, sessions, people["analyst"]))


def care(page: Page) -> None:
    """Consent, a referral, a step of the procedure, and the wish to close."""
    for part, button in (("consent", "Record it"), ("refer", "Search")):
        page.locator(f"#{part} > summary").click()
        choice = {"consent": ("purpose", "share"), "refer": ("need", "safety")}[part]
        page.locator(f"#{part} select[name={choice[0]}]").select_option(choice[1])
        page.get_by_role("button", name=button).click()
    page.locator("#refer .found summary").first.click()
    page.locator("#refer .found button").first.click()
    expect(page.locator(".note").first).to_contain_text("The referral is recorded.")
    page.locator("#step > summary").click()
    page.locator("#step button", has_text="Done").first.click()
    page.locator("#close > summary").click()
    page.get_by_role("button", name="Close this case").click()


def accounted_for(sessions: sessionmaker[Session], analyst: Page) -> None:
    """The report counts one: beside four others of its month, which are too few to be told, it makes the five that are.
    The log is whole and has the looks and acts."""
    with transaction(sessions) as session:
        when = month(None, database_now(session).astimezone(DOMINICA).date())
        case = session.scalars(select(Case)).one()
        values = {"conversation_id": case.conversation_id, "severity": case.severity, "concerns": case.concerns}
        at = when.begins + timedelta(days=3)
        for number in range(4):  # closed ones of the same month, of other days
            session.add(
                Case(id=uuid.uuid4(), code=f"{9000 + number}", state="closed", opened_at=at, closed_at=at, **values)
            )
        session.flush()
        before = next(one for one in figures.tables(session, when) if one.key == "cases").rows
        assert before[-1][-1] is None, "four are kept back: somebody could be found in them"
        case.opened_at = at
        session.execute(delete(MonthlyReport))  # the service counted the month at its start, before this
        concern = case.concerns[0].replace("_", " ")
    analyst.goto(f"/reports?month={when.code}")
    row = analyst.locator("section", has_text="Disclosures").locator("tr", has_text=concern)
    expect(row.locator("td").last).to_have_text("5")
    assert analyst.goto("/queue").status == 403  # type: ignore[union-attr]
    with sessions() as session:
        assert audit.verify(session).whole
        done = session.scalars(select(audit.AuditEvent.action)).all()
    assert {"case viewed", "case approve"} <= set(done)


def test_a_wrong_number_from_a_text_to_what_is_told_afterwards(
    phones: Service, app: Flask, chromium: Browser, sessions: sessionmaker[Session], people: dict[str, uuid.UUID]
) -> None:
    service_id = _clinic(sessions)
    try:
        text(phones, TEXTER, "I need a lawyer in Vieille Case")
        wait_until(lambda: any("Zed Law" in one for one in thread(phones, TEXTER)), "it is found", 15)
        text(phones, TEXTER, "1")
        wait_until(
            lambda: any("555" in one and "0142" in one for one in thread(phones, TEXTER)), "its number is told", 15
        )
        text(phones, TEXTER, "wrong number")
        with served(app) as base:
            editor = desk(chromium, app, base, sessions, people["editor"])
            wait_until(lambda: _reported(sessions, service_id), "the report is there", 15)
            editor.goto("/directory/stale")
            first = editor.locator("tbody tr").first
            expect(first).to_contain_text("Zed Law")
            first.get_by_role("link").click()
            editor.get_by_role("link", name="Change phone 1").click()
            editor.locator("input[name=number]").fill("767 555 0143")
            editor.get_by_role("button", name="Keep").click()
            editor.get_by_role("button", name="I called, it is right").click()
            expect(editor.locator(".note").first).to_contain_text("It may be sent.")
        text(phones, "+17675550102", "I need a lawyer in Vieille Case")
        wait_until(lambda: any("Zed Law" in one for one in thread(phones, "+17675550102")), "it is found again", 15)
        text(phones, "+17675550102", "1")
        wait_until(lambda: any("0143" in one for one in thread(phones, "+17675550102")), "the new number is told", 15)
        assert not any("0142" in one for one in thread(phones, "+17675550102"))
    finally:
        with transaction(sessions) as session:
            for model in (m.CheckTask, m.GivenOut, m.Phone, m.ServiceNeed, m.ServiceArea):
                session.execute(delete(model).where(model.service_id == service_id))
            organization_id = session.get_one(m.Service, service_id).organization_id
            session.execute(delete(m.Service).where(m.Service.id == service_id))
            session.execute(delete(m.Organization).where(m.Organization.id == organization_id))
            session.execute(delete(m.FieldChange))


def _clinic(sessions: sessionmaker[Session]) -> uuid.UUID:
    """A lawyer in Vieille Case whose number was dialled."""
    with transaction(sessions) as session:
        today = database_now(session).date()
        organization = m.Organization(name="Zed Law")
        session.add(organization)
        session.flush()
        service = m.Service(organization_id=organization.id, name="Zed Law", open_to_migrants="yes")
        session.add(service)
        session.flush()
        number = m.Phone(service_id=service.id, number="+17675550142", verified_by="A. Clerk", verified_on=today)
        session.add_all([number, m.ServiceNeed(service_id=service.id, need="legal")])
        session.add(m.ServiceArea(service_id=service.id, parish="Saint Andrew", place="Vieille Case"))
        session.flush()
        return service.id


def _reported(sessions: sessionmaker[Session], service_id: uuid.UUID) -> bool:
    with sessions() as session:
        return bool(session.scalars(select(m.CheckTask).where(m.CheckTask.service_id == service_id)).all())
