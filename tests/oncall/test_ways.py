"""By which way a page goes: the WhatsApp template has the words of a page that is to be taken, and no others."""

import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from base.errors import SendError
from bot.staff_words import Words
from oncall import engine, notices, pages, staff
from oncall.models import Page
from oncall.pages import Paging
from tests.oncall.conftest import BEATEN, MONDAY, World


@pytest.mark.parametrize("kind", ["account", "accounts", "roles", "swap"])
def test_word_to_staff_goes_by_text_alone(world: World, kind: notices.Kind) -> None:
    """A notice that a carrier refuses must not come as "text A to take it" by WhatsApp."""
    world.hire("Ada", page_by=("whatsapp", "sms"))
    with world.sessions() as session, session.begin():
        notices.tell(session, staff.active(session), kind, world.at)
    world.carrier.refuses = SendError("never", code=21610, status=400)
    world.paged.send_due()
    world.carrier.refuses = None
    while world.paged.send_due():
        pass
    with world.sessions() as session:
        rows = session.execute(select(Page.kind, Page.channel, Page.state, Page.phone)).all()
    assert [tuple(row) for row in rows] == [(kind, "sms", "failed", None)]


@pytest.mark.parametrize("kind", ["news", "late", "reopened", "approve", "alarm"])
def test_what_is_not_to_be_taken_goes_by_text(world: World, kind: str) -> None:
    world.hire("Ada", page_by=("whatsapp", "sms"))
    with world.sessions() as session, session.begin():
        written = pages.write(session, staff.active(session), kind, world.at)
        assert [one.channel for one in written] == ["sms"]


def test_a_page_to_take_goes_by_their_first_way(world: World) -> None:
    world.hire("Ada", page_by=("whatsapp", "sms"))
    world.shift("Ada", 1)
    world.write(BEATEN)
    engine.tick(world.sessions, world.policy, now=world.now)
    with world.sessions() as session:
        assert session.scalars(select(Page.channel)).all() == ["whatsapp"]
    assert world.at == MONDAY


@pytest.mark.parametrize("severity", [None, "high"])
@pytest.mark.parametrize("drill", [True, False])
def test_no_place_of_the_template_is_empty(severity: str | None, drill: bool) -> None:
    """Twilio refuses an empty one."""
    page = Paging(
        uuid.uuid4(), uuid.uuid4(), None, "whatsapp", "", "en", "test", "4821", severity, drill, 1, datetime.now(UTC)
    )
    variables = Words("Koudmen").variables(page)
    assert set(variables) == {"1", "2", "3"}
    assert all(variables.values())
