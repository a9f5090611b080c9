"""Drills: a simulated case that pages and is handled like a real one, marked everywhere, kept out of every figure."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from statistics import median

import yaml
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from base.errors import Refused
from messaging import inbox
from messaging.inbound import Inbound
from messaging.models import Conversation, InboundMessage
from oncall import cases, handling
from oncall.cases import Disclosure
from oncall.models import Case, Page, Staff

SCENARIOS = Path(__file__).parent / "data" / "drills.yml"
CHANNEL = "sim_sms"  # nothing that is written to a drill's person ever leaves
PROVIDER = "drill"


@dataclass(frozen=True)
class Scenario:
    """What a drill's person writes, in order; `aim` says what the officer should show."""

    name: str
    concern: str
    severity: str
    language: str
    texts: tuple[str, ...]
    aim: str


@dataclass(frozen=True)
class Result:
    """How a drill went: times from its beginning, None for what did not happen. `pages`: how many were sent."""

    code: str
    scenario: str
    severity: str
    began: datetime
    taken_by: str
    taken: timedelta | None
    engaged: timedelta | None
    closed: timedelta | None
    level: int
    pages: int


@cache
def scenarios() -> dict[str, Scenario]:
    """The training set by name."""
    rows = yaml.safe_load(SCENARIOS.read_text(encoding="utf-8"))
    return {name: Scenario(name, **{**row, "texts": tuple(row["texts"])}) for name, row in rows.items()}


def start(session: Session, name: str, now: datetime) -> Case:
    """Begin a drill; Refused when there is no such scenario. The engine pages as for a real case."""
    scenario = scenarios().get(name)
    if scenario is None:
        raise Refused(f"no such scenario; there are: {', '.join(scenarios())}")
    address = f"drill {uuid.uuid4().hex}"
    first, *rest = [_said(session, address, text, now) for text in scenario.texts]
    told = Disclosure(scenario.concern, scenario.severity, (f"drill {name}",))
    conversation_id = inbox.open_conversation(session, CHANNEL, address)
    language = {"language": scenario.language}
    session.execute(update(Conversation).where(Conversation.id == conversation_id).values(owner="drill", **language))
    case = cases.disclose(session, conversation_id, first, told, language=scenario.language, now=now)
    case.drill, case.scenario = True, name
    for inbound_id in rest:
        cases.add_message(session, case, inbound_id, now=now)
    session.flush()
    return case


def _said(session: Session, address: str, text: str, now: datetime) -> int:
    """A message of the drill's person, which no bot reads."""
    got = inbox.receive(session, Inbound(PROVIDER, uuid.uuid4().hex, CHANNEL, address, text))
    if got.message_id is None:
        raise Refused("the drill's message was there already")
    session.execute(
        update(InboundMessage)
        .where(InboundMessage.id == got.message_id)
        .values(handled_at=now, received_at=now, outcome="drill")
    )
    return got.message_id


def stop(session: Session, case_id: uuid.UUID, now: datetime) -> None:
    """End a drill at once, whoever has it."""
    case = cases.locked(session, case_id)
    if not case.drill:
        raise Refused("this is no drill")
    if case.closed_at is None:
        handling.end(session, case, now, outcome="drill")


def report(session: Session, since: datetime) -> list[Result]:
    """Every drill since then, oldest first."""
    query = select(Case).where(Case.drill, Case.opened_at >= since).order_by(Case.opened_at)
    return [_result(session, case) for case in session.scalars(query)]


def _result(session: Session, case: Case) -> Result:
    first = cases.first_event(session, case, "acknowledged")
    who = session.get(Staff, first.staff_id) if first and first.staff_id else None
    engaged = cases.first_event(session, case, "engaged")
    sent = select(func.count()).select_from(Page).where(Page.case_id == case.id, Page.sent_at.is_not(None))
    return Result(
        case.code, case.scenario or "", case.severity, case.opened_at, who.name if who else "",
        first.at - case.opened_at if first else None, engaged.at - case.opened_at if engaged else None,
        case.closed_at - case.opened_at if case.closed_at else None, case.level, session.scalar(sent) or 0,
    )  # fmt: skip


@dataclass(frozen=True)
class Person:
    """How one officer did in drills: pages sent to them, how many they answered, the middle time to an answer."""

    name: str
    paged: int
    answered: int
    middle: timedelta | None


def people(session: Session, since: datetime) -> list[Person]:
    """Each person who was paged in drills since then. A case counts once for a person."""
    rows = session.execute(
        select(Page.staff_id, func.min(Page.sent_at), func.min(Page.answered_at))
        .where(Page.drill, Page.kind == "case", Page.sent_at.is_not(None), Page.created_at >= since)
        .group_by(Page.staff_id, Page.case_id)
    ).all()
    found: dict[uuid.UUID, list[timedelta | None]] = {}
    for staff_id, sent, answered in rows:
        found.setdefault(staff_id, []).append(answered - sent if answered and sent else None)
    return sorted((_person(session, one, times) for one, times in found.items()), key=lambda person: person.name)


def _person(session: Session, staff_id: uuid.UUID, times: list[timedelta | None]) -> Person:
    answered = sorted(time for time in times if time is not None)
    middle = timedelta(seconds=median(one.total_seconds() for one in answered)) if answered else None
    return Person(session.get_one(Staff, staff_id).name, len(times), len(answered), middle)
