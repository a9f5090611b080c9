"""What is given out is counted without who asked; "it does not work" names the number that was given out."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

import directory.models as m
from base.db import transaction
from base.settings import Settings
from bot.drain import Drain
from bot.models import Demand
from bot.rasa import Away
from messaging import inbox, simulator
from tests.webhooks.hsds_world import World, make_world


@pytest.fixture
def world(sessions: sessionmaker[Session]) -> Iterator[World]:
    with make_world(sessions) as made:
        yield made


def test_what_a_texter_was_sent_is_counted_and_named(
    world: World, sessions: sessionmaker[Session], settings: Settings
) -> None:
    with transaction(sessions) as session:  # two of the service's three public numbers are out of use
        mine = select(m.Phone).where(m.Phone.number.in_(["+17675550105", "+17675550106"]))
        for phone in session.scalars(mine):
            phone.verified_on = None
    drain = Drain(sessions, Away(), settings)
    for words in ("papers in Portsmouth", "1", "1", "wrong", "I need shelter in Portsmouth"):
        with transaction(sessions) as session:
            inbox.receive(session, simulator.parse_inbound("sms", "+17675550110", words))
        drain.run(seconds=10)
    with transaction(sessions) as session:
        number = session.scalars(select(m.Phone).where(m.Phone.service_id == world.full, ~m.Phone.confidential)).one()
        given = session.scalars(select(m.GivenOut)).all()
        assert [(one.service_id, one.phone_ids) for one in given] == [(world.full, [number.id])] * 2
        task = session.scalars(select(m.CheckTask)).one()
        assert (task.service_id, task.phone_id, task.kind) == (world.full, number.id, "number")
        assert {row.district for row in session.scalars(select(Demand))} == {"Portsmouth"}
        session.delete(task)


def test_two_numbers_leave_open_which_one_is_wrong(
    world: World, sessions: sessionmaker[Session], settings: Settings
) -> None:
    drain = Drain(sessions, Away(), settings)
    for words in ("papers in Portsmouth", "1", "wrong"):
        with transaction(sessions) as session:
            inbox.receive(session, simulator.parse_inbound("sms", "+17675550110", words))
        drain.run(seconds=10)
    with transaction(sessions) as session:
        assert [len(one.phone_ids) for one in session.scalars(select(m.GivenOut))] == [2]
        task = session.scalars(select(m.CheckTask)).one()
        assert (task.service_id, task.phone_id) == (world.full, None)
        session.delete(task)
