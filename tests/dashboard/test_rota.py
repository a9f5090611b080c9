"""The rota on the staff site: who is on duty, gaps, forms that fill them, swaps that need a yes, test pages."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session, sessionmaker

from base.audit import AuditEvent
from base.clock import DOMINICA
from dashboard import typed
from dashboard.accounts import codes, passwords
from oncall import rota, staff
from oncall.models import Override, Page, Rotation, Shift, Staff, SwapRequest
from tests.dashboard.browser import Browser, readable
from tests.dashboard.conftest import SignedIn

NOW = datetime.now(UTC).replace(microsecond=0)
MORNING = datetime.combine(NOW.astimezone(DOMINICA).date() + timedelta(days=2), datetime.min.time(), DOMINICA) + (
    timedelta(hours=8)
)
EVENING = MORNING + timedelta(hours=12)
Sessions = sessionmaker[Session]
People = dict[str, uuid.UUID]


def planned(sessions: Sessions, who: uuid.UUID, start: datetime, end: datetime, level: int = 1) -> uuid.UUID:
    with sessions() as session, session.begin():
        return rota.add_shift(session, who, level, start, end, NOW).id


def day_card(browser: Browser, at: datetime) -> str:
    """What the calendar says of a day."""
    html = browser.get(f"/rota?week={at.astimezone(DOMINICA).date()}").text
    table = html.partition('<table class="stack week">')[2].partition("</table>")[0]
    rows = [readable("<body>" + row) for row in table.split("<tr")]
    return next(row for row in rows if f"{at.astimezone(DOMINICA):%a %-d %b %Y}" in row)


def actions(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.seq)))


def test_a_day_says_who_and_where_nobody_is(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    planned(sessions, people["officer"], MORNING, EVENING)
    browser = signed_in("officer")
    said = day_card(browser, MORNING)
    assert "08:00-20:00 The officer (you)" in said
    assert "Gap: 00:00-08:00, nobody" in said
    assert "Gap: 20:00-24:00, nobody" in said
    assert "Fill" not in said, "an officer does not plan the rota"


def test_a_gap_is_filled_by_its_form(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    browser = signed_in("supervisor")
    page = browser.get(f"/rota?week={MORNING.date()}").text
    wanted = f"/rota/shift?level=2&amp;start={typed.as_typed(MORNING.replace(hour=0))}"
    link = next(part.partition('"')[0] for part in page.split('href="') if part.startswith(wanted))
    form = browser.get(link.replace("&amp;", "&")).text
    assert 'name="start" value="' + typed.as_typed(MORNING.replace(hour=0)) in form
    done = browser.post(
        "/rota/shift", level="2", staff=people["officer"], start=typed.as_typed(MORNING.replace(hour=0)),
        end=typed.as_typed(MORNING.replace(hour=0) + timedelta(days=1)),
    )  # fmt: skip
    assert (done.request.path, done.status_code) == ("/rota", 200)
    said = day_card(browser, MORNING)
    assert "2 backup" in browser.get("/rota").text
    assert "all day The officer" in said
    with sessions() as session:
        shift = session.scalars(select(Shift)).one()
    assert (shift.level, shift.starts_at, shift.created_by_id) == (2, MORNING.replace(hour=0), people["supervisor"])
    assert actions(sessions) == ["shift added"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"staff": ""}, "Choose who is on duty"),
        ({"staff": str(uuid.uuid4())}, "out of the list"),
        ({"staff": "rubbish"}, "Choose a person"),
        ({"end": "2026-01-01T00:00"}, "over already"),
        ({"end": "then"}, "A time is written like"),
        ({"level": "9"}, "The level is a whole number from 1 to 4"),
        ({"start": "0001-01-01T00:00"}, "A time lies between"),
    ],
)
def test_what_is_refused_is_said_on_the_form_with_what_was_typed(
    signed_in: SignedIn, people: People, sessions: Sessions, changed: dict[str, str], told: str
) -> None:
    fields: dict[str, Any] = {"level": "1", "staff": str(people["officer"]), "start": typed.as_typed(MORNING),
              "end": typed.as_typed(EVENING)} | changed  # fmt: skip
    answer = signed_in("supervisor").post("/rota/shift", **fields)
    assert answer.status_code == 400
    assert told in readable(answer.text)
    assert f'name="start" value="{fields["start"]}"' in answer.text
    with sessions() as session:
        assert session.scalars(select(Shift)).all() == []


def test_an_unconfirmed_phone_is_refused_and_marked(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    planned(sessions, people["officer"], MORNING, EVENING)
    with sessions() as session, session.begin():
        session.get_one(Staff, people["officer"]).phone_verified_at = None
    browser = signed_in("supervisor")
    said = day_card(browser, MORNING)
    assert "phone not confirmed" in said
    assert "Gap: all day, nobody" in said, "a page would reach nobody"
    answer = browser.post(
        "/rota/shift", level=1, staff=people["officer"], start=typed.as_typed(MORNING), end=typed.as_typed(EVENING)
    )
    assert "phone is not confirmed" in answer.text


def test_a_rotation_is_made_and_ended(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    browser = signed_in("administrator")
    fields: dict[str, Any] = {
        "name": "Nights", "level": "1", "staff": [str(people["officer"]), str(people["supervisor"]), ""], "days": "1",
        "windows": "Mon-Sun 18:00-06:00", "start": typed.as_typed(MORNING),
    }  # fmt: skip
    wrong = browser.post("/rota/rotation", **fields | {"windows": "sometimes"})
    assert wrong.status_code == 400
    assert 'value="sometimes"' in wrong.text
    assert browser.post("/rota/rotation", **fields).request.path == "/rota"
    assert "18:00-24:00 The officer" in day_card(browser, MORNING)
    assert "18:00-24:00 The supervisor" in day_card(browser, MORNING + timedelta(days=1))
    with sessions() as session:
        made = session.scalars(select(Rotation)).one()
    assert browser.post(f"/rota/rotation/{made.id}/end").status_code == 200
    assert "The officer" not in day_card(browser, MORNING)
    assert actions(sessions) == ["rotation added", "rotation ended"]


def test_an_override_puts_somebody_in_another_s_place(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    planned(sessions, people["officer"], MORNING, EVENING)
    browser = signed_in("supervisor")
    noon = MORNING + timedelta(hours=4)
    browser.post(
        "/rota/override", level=1, replaces=people["officer"], staff=people["supervisor"], start=typed.as_typed(noon),
        end=typed.as_typed(EVENING),
    )  # fmt: skip
    said = day_card(browser, MORNING)
    assert "08:00-12:00 The officer" in said
    assert "12:00-20:00 The supervisor" in said
    with sessions() as session:
        made = session.scalars(select(Override)).one()
    browser.post(f"/rota/override/{made.id}/cancel")
    assert "08:00-20:00 The officer" in day_card(browser, MORNING)


def test_a_shift_that_has_begun_ends_now_and_one_that_is_over_stays(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    hour = timedelta(hours=1)
    running = planned(sessions, people["officer"], NOW - hour, NOW + hour)
    over = planned(sessions, people["officer"], NOW - 3 * hour, NOW - 2 * hour)
    browser = signed_in("supervisor")
    assert "On duty: The officer" in browser.words("/rota")
    browser.post(f"/rota/shift/{running}/cancel")
    assert "On duty: nobody" in browser.words("/rota")
    assert browser.post(f"/rota/shift/{over}/cancel").status_code == 409
    with sessions() as session:
        kept = session.get_one(Shift, running)
        assert kept.cancelled_at is None, "who was on duty stays known"
        assert NOW - hour < kept.ends_at < NOW + hour


def swap_keys(browser: Browser, *names: str) -> list[str]:
    """The values of the choices that name these people, in order."""
    page = browser.get("/rota/swap").text
    options = [part.partition("</option>")[0] for part in page.split("<option ")[1:]]
    return [next(o.split('"')[1] for o in options if name in o) for name in names]


def told_of_a_swap(sessions: Sessions) -> set[uuid.UUID]:
    """Whom a text about a swap waits for."""
    with sessions() as session:
        found = session.scalars(select(Page.staff_id).where(Page.kind == "swap")).all()
        assert len(found) == len(set(found))
        return set(found)


def test_a_swap_asked_by_an_officer_needs_the_other_s_yes(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    with sessions() as session, session.begin():
        other = staff.add(session, "Rose", ["officer"], NOW, phone="+17675550170", verified=True).id
        third = staff.add(session, "Jean", ["officer"], NOW, phone="+17675550171", verified=True).id
        for who in (other, third):
            codes.new_totp(session, who)
            passwords.of(session, who).totp_confirmed_at = NOW
    next_day = timedelta(days=1)
    planned(sessions, people["officer"], MORNING, EVENING)
    planned(sessions, other, MORNING + next_day, EVENING + next_day)
    asker = signed_in("officer")
    mine, theirs = swap_keys(asker, "The officer", "Rose")
    assert asker.post("/rota/swap", one=theirs, other=mine).status_code == 400, "not another's duty"
    assert "before a yes" in asker.post("/rota/swap", one=mine, other=theirs).text
    with sessions() as session:
        swap = session.scalars(select(SwapRequest)).one().id
    assert told_of_a_swap(sessions) == {other}
    assert "08:00-20:00 The officer" in day_card(asker, MORNING), "nothing has changed"
    for stranger in (asker, signed_in(staff_id=third)):
        assert stranger.post(f"/rota/swap/{swap}", answer="yes").status_code == 409
    answering = signed_in(staff_id=other)
    assert "The officer asks Rose" in answering.words("/rota")
    answering.post(f"/rota/swap/{swap}", answer="yes")
    assert told_of_a_swap(sessions) == {other, people["officer"]}, "who answered is not told again"
    assert "08:00-20:00 Rose" in day_card(asker, MORNING)
    assert "08:00-20:00 The officer" in day_card(asker, MORNING + next_day)
    assert answering.post(f"/rota/swap/{swap}", answer="no").status_code == 409, "once"
    assert actions(sessions) == ["swap asked", "swap agreed"]


def test_a_supervisor_swaps_at_once_and_a_refused_swap_changes_nothing(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    next_day = timedelta(days=1)
    planned(sessions, people["officer"], MORNING, EVENING)
    planned(sessions, people["supervisor"], MORNING + next_day, EVENING + next_day)
    asker, planner = signed_in("officer"), signed_in("supervisor")
    mine, theirs = swap_keys(asker, "The officer", "The supervisor")
    asker.post("/rota/swap", one=mine, other=theirs)
    with sessions() as session:
        swap = session.scalars(select(SwapRequest)).one().id
    planner.post(f"/rota/swap/{swap}", answer="no")
    assert "The officer" in day_card(asker, MORNING)
    planner.post("/rota/swap", one=mine, other=theirs)
    assert "08:00-20:00 The supervisor" in day_card(asker, MORNING)


def test_a_test_page_goes_to_a_confirmed_phone(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    browser = signed_in("supervisor")
    assert "never tested" in browser.words("/rota")
    browser.post(f"/rota/test/{people['officer']}")
    with sessions() as session:
        page = session.scalars(select(Page)).one()
    assert (page.kind, page.staff_id, page.channel) == ("test", people["officer"], "sms")
    assert "no answer yet" in browser.words("/rota")
    with sessions() as session, session.begin():
        session.get_one(Page, page.id).answered_at = NOW
    assert "answered" in browser.words("/rota")
    with sessions() as session, session.begin():
        session.get_one(Staff, people["officer"]).phone_verified_at = None
    assert browser.post(f"/rota/test/{people['officer']}").status_code == 409


def test_who_is_on_duty_costs_one_query_and_agrees_with_the_plan(people: People, sessions: Sessions) -> None:
    hour = timedelta(hours=1)
    planned(sessions, people["officer"], NOW - hour, NOW + hour)
    planned(sessions, people["analyst"], NOW - hour, NOW + hour, level=2)
    planned(sessions, people["editor"], NOW + hour, NOW + 2 * hour)
    with sessions() as session, session.begin():
        rota.add_rotation(
            session, "Turns", 2, [people["administrator"], people["editor"]], NOW - 30 * hour, NOW, turn_days=1
        )
        rota.add_override(
            session, 1, NOW - hour, NOW + hour, NOW, staff_id=people["supervisor"], replaces_id=people["officer"]
        )
        session.get_one(Staff, people["analyst"]).disabled_at = NOW
    with sessions() as session:
        asked: list[str] = []
        event.listen(session.get_bind(), "before_cursor_execute", lambda *given: asked.append(given[2]), named=False)
        names = rota.names_now(session, NOW)
        assert len(asked) == 1
        assert names == [one.name for level in (1, 2) for one in rota.on_duty(session, NOW, level)]
    assert names == ["The supervisor", "The editor"]
