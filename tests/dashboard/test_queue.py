"""The queue page: what is worst stands first, filters stay, one click takes a case, and nothing private is shown."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.datastructures import MultiDict

from base.audit import AuditEvent
from base.clock import DOMINICA
from base.db import transaction
from bot.models import UnreadMessage
from dashboard import queue_filters, queue_rows
from dashboard.models import StaffSession
from dashboard.queue_filters import Filters
from messaging.models import InboundMessage
from oncall import handling
from oncall.models import Case
from tests.dashboard.browser import Browser, readable
from tests.dashboard.conftest import SignedIn
from tests.dashboard.queue_world import WORDS, change, opened, owned


def codes(html: str) -> list[str]:
    """The cases shown, from the top."""
    return re.findall(r'href="/c/(\d+)"', html)


def shown(browser: Browser, query: str = "") -> list[str]:
    return codes(browser.get(f"/queue?{query}").text)


def row(html: str, code: str) -> str:
    """What can be read in a case's row."""
    return next(readable(part) for part in html.split("<tr") if f'href="/c/{code}"' in part)


def test_the_worst_stands_first(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    mine = people["officer"]
    standard = opened(sessions, "standard", due_in=-60)
    later, soon = opened(sessions, "high", due_in=9), opened(sessions, "high", due_in=4)
    taken, reminded = owned(sessions, mine, "high"), owned(sessions, mine, "high", late=1)
    critical, free = owned(sessions, mine, "critical"), opened(sessions, "critical")
    late = opened(sessions, "critical", due_in=-9)
    order = [late, free, critical, soon, later, reminded, taken, standard]
    assert shown(signed_in("officer")) == [case.code for case in order]


def test_a_row_says_what_is_to_be_done_and_nothing_private(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    free = opened(sessions, "critical", language="ht", minutes_ago=12, due_in=-3, level=2, next_level=3)
    other = owned(sessions, people["supervisor"], "high", news="message", drill=True, language=None)
    missed = owned(sessions, people["supervisor"], late=1)
    new = opened(sessions, "standard", language="acf", state="new", level=0, next_level=1, due_in=4.5)
    html = signed_in("officer").get("/queue").text
    told = row(html, free.code)
    for words in ("!!! critical", "12 min", "page to supervisors: 3 min late", "Haitian Creole", "paged: backup",
                  "nobody", "Take"):  # fmt: skip
        assert words in told, words
    told = row(html, other.code)
    for words in (
        "!! high",
        "next contact: in 2 h 59 min",
        "not known",
        "in contact",
        "The supervisor",
        "drill",
        "news",
    ):
        assert words in told, words
    assert "Take" not in told
    assert "contact is late, told again: in 2 h 59 min" in row(html, missed.code)
    assert "page to officer on call: in 4 min" in row(html, new.code)
    assert "nobody paged yet" in row(html, new.code)
    with sessions() as session:
        private = {str(case.conversation_id) for case in (free, other)} | {str(free.id), WORDS, "domestic", "violence"}
        private |= set(session.scalars(select(InboundMessage.external_id)))
    assert [one for one in private if one in html] == []


def test_each_filter_and_several_at_once(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    free = opened(sessions, "critical", language="ht")
    late = opened(sessions, "high", language="fr", due_in=-5)
    mine = owned(sessions, people["officer"], "high", language=None)
    other = owned(sessions, people["supervisor"], "standard", closing_by_id=people["supervisor"], outcome="resolved")
    drill = opened(sessions, "standard", language="en", drill=True)
    named = {case.code: name for name, case in
             {"free": free, "late": late, "mine": mine, "other": other, "drill": drill}.items()}  # fmt: skip
    browser = signed_in("officer")
    for query, wanted in {
        "": "free late mine drill other",
        "mine=1": "mine",
        "unowned=1": "free late drill",
        "mine=1&unowned=1": "free late mine drill",
        "severity=critical&severity=high": "free late mine",
        "severity=high&unowned=1": "late",
        "language=ht": "free",
        "language=unknown&language=fr": "late mine",
        "state=engaged": "mine",
        "state=closing": "other",
        "late=1": "late",
        "drills=hide": "free late mine other",
        "drills=only": "drill",
        "drills=only&severity=critical": "",
        "severity=worst&mine=no&drills=x&nonsense=1": "free late mine drill other",
    }.items():
        assert [named[code] for code in shown(browser, query)] == wanted.split(), query


def test_filters_survive_a_reload_and_taking_a_case(signed_in: SignedIn, sessions: sessionmaker[Session]) -> None:
    one, _ = opened(sessions, "critical", language="ht"), opened(sessions, "high")
    browser, query = signed_in("officer"), "severity=critical&language=ht"
    html = browser.get(f"/queue?{query}").text
    for name, value in (("severity", "critical"), ("language", "ht")):
        assert re.search(rf'name="{name}" value="{value}" checked', html)
    assert html.count("checked") == 3, "and that drills are shown too"
    action = re.search(rf'formaction="(/queue/{one.code}/take[^"]*)"', html)
    assert action
    page = browser.post(action[1].replace("&amp;", "&"))
    assert page.request.full_path == f"/queue?{query}"
    assert codes(page.text) == [one.code]


@given(
    some.builds(
        Filters,
        mine=some.booleans(), unowned=some.booleans(), late=some.booleans(),
        severity=some.sets(some.sampled_from(queue_filters.SEVERITIES)).map(
            lambda chosen: tuple(one for one in queue_filters.SEVERITIES if one in chosen)),
        language=some.sets(some.sampled_from(queue_filters.SPOKEN)).map(
            lambda chosen: tuple(one for one in queue_filters.SPOKEN if one in chosen)),
        state=some.sets(some.sampled_from(queue_filters.STATES)).map(
            lambda chosen: tuple(one for one in queue_filters.STATES if one in chosen)),
        drills=some.sampled_from(["", *queue_filters.DRILLS]),
    )
)  # fmt: skip
def test_an_address_holds_the_whole_of_the_filters(filters: Filters) -> None:
    pairs = parse_qsl(filters.query())
    assert queue_filters.read(MultiDict(pairs)) == filters


def test_the_hundred_worst_are_shown_and_the_rest_counted(signed_in: SignedIn, sessions: sessionmaker[Session]) -> None:
    standard = [opened(sessions, "standard").code for _ in range(103)]
    worst = opened(sessions, "critical").code
    html = signed_in("officer").get("/queue").text
    found = codes(html)
    assert (len(found), found[0]) == (queue_rows.MOST, worst)
    assert set(found[1:]) < set(standard)
    assert "100 of 104" in readable(html)
    assert "4 more cases" in readable(html)


def test_counts_are_of_all_cases_whatever_is_filtered(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    midnight = datetime.now(UTC).astimezone(DOMINICA).replace(hour=0, minute=0, second=0, microsecond=0)
    opened(sessions, "critical", due_in=-5)
    waiting = owned(sessions, people["officer"])
    opened(sessions, drill=True)
    for closed_at in (midnight, midnight - timedelta(seconds=1)):
        opened(sessions, state="closed", closed_at=closed_at)
    opened(sessions, state="merged", merged_into=waiting.id)
    with transaction(sessions) as session:
        inbound, *_, done = session.scalars(select(InboundMessage)).all()
        for message, at in ((inbound, None), (done, midnight)):
            conversation = message.conversation_id
            session.add(UnreadMessage(inbound_id=message.id, conversation_id=conversation, reason="x", done_at=at))
    html = signed_in("officer").get("/queue?severity=standard").text
    for told in ("2 open", "1 nobody has", "1 critical", "1 late", "1 mine", "1 drill ", "1 unread", "1 closed today"):
        assert told in readable(html), told
    assert "No open case fits" in readable(html)


def test_one_click_takes_a_case(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    case = opened(sessions, "critical")
    first, second = signed_in("officer"), signed_in("supervisor")
    second.get("/queue")
    assert f"Case {case.code} is yours now" in readable(first.post(f"/queue/{case.code}/take").text)
    assert f"You have case {case.code} already" in readable(first.post(f"/queue/{case.code}/take").text)
    assert f"The officer has had case {case.code} since" in readable(second.post(f"/queue/{case.code}/take").text)
    with sessions() as session:
        found = session.get_one(Case, case.id)
        log = session.scalars(select(AuditEvent).order_by(AuditEvent.seq)).all()
    assert (found.owner_id, found.state) == (people["officer"], "acknowledged")
    assert [(entry.actor_id, entry.action, entry.subject, (entry.detail or {}).get("why")) for entry in log] == [
        (people["officer"], "case taken", f"case:{case.id}", "taken"),
        (people["officer"], "case not taken", f"case:{case.id}", "yours"),
        (people["supervisor"], "case not taken", f"case:{case.id}", "held"),
    ]


def test_a_case_that_is_closed_meanwhile_cannot_be_taken(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    case, browser = opened(sessions), signed_in("officer")
    browser.get("/queue")
    with transaction(sessions) as session:
        handling.end(session, session.get_one(Case, case.id), datetime.now(UTC), outcome="no_concern")
    assert f"There is no open case {case.code}" in readable(browser.post(f"/queue/{case.code}/take").text)
    with sessions() as session:
        assert session.get_one(Case, case.id).owner_id is None


@pytest.mark.parametrize("code", ["0", "9" * 400, "%00", "x", "1%0A", "٣٣٣٣", "..", "<b>"])
def test_a_code_that_is_none_is_told_kindly(signed_in: SignedIn, code: str) -> None:
    answer = signed_in("officer").post(f"/queue/{code}/take")
    assert answer.status_code in {200, 400, 404}
    assert "<b>" not in answer.text.partition("<main")[2].partition("<h1")[0]


def test_a_merged_case_is_taken_with_the_one_it_belongs_to(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    main = opened(sessions)
    part = opened(sessions, state="merged", merged_into=main.id)
    assert f"Case {main.code} is yours" in readable(signed_in("officer").post(f"/queue/{part.code}/take").text)


def test_the_rows_alone_hold_no_token_and_come_again_only_when_changed(
    signed_in: SignedIn, people: dict[str, uuid.UUID], sessions: sessionmaker[Session]
) -> None:
    case = owned(sessions, people["officer"], contact_due_at=datetime.now(UTC) + timedelta(minutes=30, seconds=30))
    browser = signed_in("officer")
    first = browser.get("/queue/rows?mine=1")
    assert codes(first.text) == [case.code]
    assert "<html" not in first.text
    assert "csrf" not in first.text
    tag = first.headers["ETag"]
    assert browser.client.get("/queue/rows?mine=1", headers={"If-None-Match": tag}).status_code == 304
    change(sessions, case, language="fr")
    again = browser.client.get("/queue/rows?mine=1", headers={"If-None-Match": tag})
    assert (again.status_code, "French" in again.text) == (200, True)


def test_looking_at_the_queue_live_keeps_nobody_signed_in(signed_in: SignedIn, sessions: sessionmaker[Session]) -> None:
    browser, seen = signed_in("officer"), datetime.now(UTC) - timedelta(minutes=25)
    with transaction(sessions) as session:
        session.scalars(select(StaffSession)).one().seen_at = seen
    left = [int(browser.get("/queue/rows").headers["X-Koudmen-Left"]) for _ in range(2)]
    assert all(3 * 60 < one <= 5 * 60 for one in left)
    assert left[0] >= left[1]
    browser.get("/queue")
    assert int(browser.get("/queue/rows").headers["X-Koudmen-Left"]) > 29 * 60


def test_home_is_the_queue_for_those_who_may_see_it(signed_in: SignedIn) -> None:
    assert signed_in("officer").get("/").headers["Location"] == "/queue"
    assert signed_in("analyst").get("/").headers["Location"] == "/reports"


@pytest.mark.parametrize("role", ["editor", "analyst", "administrator"])
def test_the_menu_names_the_queue_to_those_alone_who_may_see_it(signed_in: SignedIn, role: str) -> None:
    assert 'href="/queue"' not in signed_in(role).get("/me").text


def test_the_order_has_no_ties_that_jump(sessions: sessionmaker[Session], people: dict[str, uuid.UUID]) -> None:
    due = datetime.now(UTC) + timedelta(minutes=5)
    for _ in range(5):
        change(sessions, opened(sessions), page_due_at=due)
    with sessions() as session:
        looks = [queue_rows.look(session, Filters(), people["officer"], datetime.now(UTC)).lines for _ in range(3)]
    assert all([one.id for one in a] == [one.id for one in b] for a, b in pairwise(looks))
