"""A table for each month: where messages go, what a new month does, or one made late; what is left of an old one."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, event, func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from base.db import make_engine, make_sessions, transaction
from bot.models import UnreadMessage
from koudmen import partitions, purge
from koudmen.database import upgrade_at
from messaging import inbox, months, outbox
from messaging.inbound import Inbound
from messaging.models import Conversation, InboundMessage, OutboundMessage
from messaging.outbox import Lane
from oncall import cases
from oncall.cases import Disclosure
from tests import databases

NOW = datetime.now(UTC)
MONTH = months.month_of(NOW)


@pytest.fixture
def own(database_url: str) -> Iterator[Engine]:
    """A database of its own, as a fresh installation has it: months come and go here."""
    with databases.migrated(database_url) as url:
        engine = make_engine(url, pool_size=4)
        yield engine
        engine.dispose()


@pytest.fixture
def sessions(own: Engine) -> sessionmaker[Session]:
    return make_sessions(own)


def at(sessions: sessionmaker[Session], moment: datetime) -> int:
    """The sweeper looks at this moment."""
    return partitions.ensure(sessions, moment)


def write(sessions: sessionmaker[Session], number: int, *, sid: str | None = None) -> int | None:
    """Somebody writes and a reply is queued; the message's id."""
    who = f"+17675550{number:03}"
    with transaction(sessions) as session:
        got = inbox.receive(session, Inbound("twilio", sid or f"SM{uuid.uuid4().hex}", "sms", who, "hello", "text", {}))
        if got.message_id:
            conversation = session.get_one(Conversation, got.conversation_id)
            outbox.queue(session, conversation, "sms", ["one", "two"], lane=Lane.REPLY, inbound_id=got.message_id)
    return got.message_id


def answer(sessions: sessionmaker[Session], id_: int) -> None:
    """A worker answers this message."""
    with transaction(sessions) as session:
        conversation = session.scalars(select(Conversation)).one()
        outbox.queue(session, conversation, "sms", ["again"], lane=Lane.REPLY, inbound_id=id_)


def where(sessions: sessionmaker[Session], table: type[InboundMessage | OutboundMessage]) -> dict[str, int]:
    """Rows by the table they lie in."""
    with sessions() as session:
        rows = session.execute(text(f"SELECT tableoid::regclass::text, count(*) FROM {table.__tablename__} GROUP BY 1"))
        return {row[0]: row[1] for row in rows}


def test_a_message_and_its_replies_lie_in_their_month(sessions: sessionmaker[Session]) -> None:
    assert at(sessions, NOW) == 2 * (partitions.AHEAD + 1)
    assert at(sessions, NOW) == 0
    id_ = write(sessions, 1)
    assert id_ == months.first_inbound(MONTH) + 1
    assert where(sessions, InboundMessage) == {f"inbound_message_{NOW:%Y_%m}": 1}
    assert where(sessions, OutboundMessage) == {f"outbound_message_{NOW:%Y_%m}": 2}


def test_numbers_rise_over_the_turn_of_the_month_and_never_fall(sessions: sessionmaker[Session]) -> None:
    at(sessions, NOW)
    first = write(sessions, 1) or 0
    at(sessions, months.begins(MONTH + 1))
    second = write(sessions, 2) or 0
    at(sessions, NOW)  # another sweeper, whose clock is behind
    third = write(sessions, 3) or 0
    assert first < second < third
    assert [id_ // months.STEP for id_ in (first, second, third)] == [MONTH, MONTH + 1, MONTH + 1]
    assert len(where(sessions, InboundMessage)) == len(where(sessions, OutboundMessage)) == 2


def test_a_repeat_is_known_in_another_month(sessions: sessionmaker[Session]) -> None:
    at(sessions, NOW)
    assert write(sessions, 1, sid="SM1")
    at(sessions, months.begins(MONTH + 1))
    assert write(sessions, 1, sid="SM1") is None
    assert sum(where(sessions, InboundMessage).values()) == 1


def test_a_message_is_not_answered_twice(sessions: sessionmaker[Session]) -> None:
    """The primary key alone keeps it from that, whatever the month."""
    for moment in (None, NOW, months.begins(MONTH + 1)):
        if moment:
            at(sessions, moment)
        id_ = write(sessions, 1) or 0
        with pytest.raises(IntegrityError):
            answer(sessions, id_)


def test_what_came_before_its_month_was_made_is_taken_along(sessions: sessionmaker[Session]) -> None:
    """No sweeper ran for months: nothing is refused, and the rest is emptied when it runs again."""
    far = MONTH + partitions.AHEAD + 3
    at(sessions, NOW)
    with transaction(sessions) as session:
        session.execute(text("SELECT setval('inbound_message_id_seq', :first)"), {"first": months.first_inbound(far)})
    write(sessions, 1)
    assert where(sessions, InboundMessage) == {"inbound_message_rest": 1}
    at(sessions, months.begins(far))
    name = f"{months.begins(far):%Y_%m}"
    assert where(sessions, InboundMessage) == {f"inbound_message_{name}": 1}
    assert where(sessions, OutboundMessage) == {f"outbound_message_{name}": 2}


def test_an_old_month_is_dropped_whole_but_for_what_is_kept(sessions: sessionmaker[Session], own: Engine) -> None:
    at(sessions, NOW)
    ids = [write(sessions, number) or 0 for number in range(6)]
    with transaction(sessions) as session:
        session.execute(
            text("UPDATE inbound_message SET body = NULL, handled_at = now() WHERE id <> :id"), {"id": ids[0]}
        )
        session.execute(text("UPDATE outbound_message SET body = NULL, state = 'accepted' WHERE inbound_id <> :id"),
                        {"id": ids[1]})  # fmt: skip
        found = session.get_one(InboundMessage, ids[2])
        cases.disclose(session, found.conversation_id, ids[2], Disclosure("danger", "high"), language="en", now=NOW)
        other = session.get_one(InboundMessage, ids[3])
        session.add(UnreadMessage(inbound_id=ids[3], conversation_id=other.conversation_id, reason="unclear"))
    with own.begin() as connection:
        assert partitions.over(connection, months.begins(MONTH)) == []
        over = partitions.over(connection, months.begins(MONTH + 1))
    assert [part.name for part in over] == [f"outbound_message_{NOW:%Y_%m}", f"inbound_message_{NOW:%Y_%m}"]
    with own.begin() as connection:
        assert [partitions.drop(connection, part) for part in over] == [8, 3]
        assert [partitions.drop(connection, part) for part in over] == [0, 0]
    assert where(sessions, InboundMessage) == {"inbound_message_rest": 3}
    assert where(sessions, OutboundMessage) == {"outbound_message_rest": 4}
    with sessions() as session:
        assert sorted(session.scalars(select(InboundMessage.id))) == [ids[0], ids[2], ids[3]]


def test_the_purge_drops_months_whose_time_is_over(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    at(sessions, NOW)
    write(sessions, 1)
    with transaction(sessions) as session:
        session.execute(text("UPDATE inbound_message SET body = NULL, handled_at = now()"))
        session.execute(text("UPDATE outbound_message SET body = NULL, state = 'accepted'"))
    assert purge._months(sessions, timedelta(days=365)) == 0
    monkeypatch.setattr(purge, "database_now", lambda _: NOW + timedelta(days=365 + 32))
    assert purge._months(sessions, timedelta(days=365)) == 3


def test_several_at_once_make_each_table_once(sessions: sessionmaker[Session]) -> None:
    def one(_: int) -> int:
        return at(sessions, NOW)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(one, range(4))) == 2 * (partitions.AHEAD + 1)


def test_a_table_that_is_held_keeps_no_other_from_being_made(sessions: sessionmaker[Session], own: Engine) -> None:
    """Somebody reads the messages out for long, as a report does; those of messages in are made for every month, and
    the numbers go on."""
    with own.connect() as holds:
        holds.execute(text("LOCK TABLE outbound_message_rest IN ACCESS SHARE MODE"))
        with pytest.raises(OperationalError):
            at(sessions, NOW)
        holds.rollback()
    with own.connect() as connection:
        left = [part.name for part in partitions.missing(connection, NOW)]
    assert [part.partition("_")[0] for part in left] == ["outbound"] * (partitions.AHEAD + 1)
    assert (write(sessions, 1) or 0) > months.first_inbound(MONTH)
    assert at(sessions, NOW) == len(left)


def test_the_rest_is_locked_before_it_is_looked_at(sessions: sessionmaker[Session], own: Engine) -> None:
    """What came into it between the moving and the attaching would forbid the attaching."""
    said: list[str] = []
    event.listen(own, "before_cursor_execute", lambda *one: said.append(one[2]))
    at(sessions, NOW)
    doing = [one for one in said if one.startswith(("LOCK", "CREATE TABLE", "WITH moved", "ALTER TABLE", "COMMIT"))]
    assert len(doing) == 4 * 2 * (partitions.AHEAD + 1)
    for start in range(0, len(doing), 4):
        assert [one.split()[0] for one in doing[start : start + 4]] == ["LOCK", "CREATE", "WITH", "ALTER"]


def test_an_upgrade_keeps_what_is_there(own: Engine) -> None:
    """Rows of the version before lie where they lay, and are found, repeated and answered as before."""
    databases.down(own, "0020")
    with own.begin() as connection:
        _old_rows(connection)
    upgrade_at(own)
    sessions = make_sessions(own)
    assert where(sessions, InboundMessage) == {"inbound_message_before": 20}
    assert where(sessions, OutboundMessage) == {"outbound_message_rest": 20}
    with sessions() as session:
        assert session.get_one(InboundMessage, 7).external_id == "SM7"
        newest = session.scalar(select(func.max(OutboundMessage.position))) or 0
    assert write(sessions, 1, sid="SM7") is None
    assert write(sessions, 1) == 21
    with sessions() as session:
        assert (session.scalar(select(func.max(OutboundMessage.position))) or 0) > newest
    at(sessions, NOW)
    assert (write(sessions, 1) or 0) >= months.first_inbound(MONTH)


def _old_rows(connection: Connection) -> None:
    for statement in (
        "INSERT INTO contact (id) SELECT md5('c' || n)::uuid FROM generate_series(1, 5) n",
        "INSERT INTO address (id, contact_id, channel, lookup, value) SELECT md5('a' || n)::uuid, md5('c' || n)::uuid, "
        "'sms', sha256(n::text::bytea), '\\x00' FROM generate_series(1, 5) n",
        "INSERT INTO conversation (id, address_id) SELECT md5('v' || n)::uuid, md5('a' || n)::uuid "
        "FROM generate_series(1, 5) n",
        "INSERT INTO inbound_message (provider, external_id, conversation_id, kind, handled_at) "
        "SELECT 'twilio', 'SM' || n, md5('v' || 1 + n % 5)::uuid, 'text', now() FROM generate_series(1, 20) n",
        "INSERT INTO outbound_message (id, conversation_id, inbound_id, channel, lane, segments, state) "
        "SELECT gen_random_uuid(), conversation_id, id, 'sms', 1, 1, 'accepted' FROM inbound_message",
    ):
        connection.execute(text(statement))
