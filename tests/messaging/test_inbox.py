"""The inbox: the same message once, one conversation an address, each conversation to one claimer."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.orm import Session, sessionmaker

from base.db import make_engine, transaction
from base.settings import Settings
from messaging import inbox
from messaging.inbound import Inbound
from messaging.models import Address, Contact, Conversation, InboundMessage
from tests.service import wait_until

HOLD = timedelta(seconds=15)


def sms(sid: str, n: int = 0, body: str = "bonjou", provider: str = "twilio", channel: str = "sms") -> Inbound:
    return Inbound(provider, sid, channel, f"+17675550{100 + n}", body)


def together(work: Callable[[int], None], count: int) -> None:
    """Run `work` in threads that begin at one moment; the first error is raised."""
    begin, errors = threading.Barrier(count), list[Exception]()

    def one(n: int) -> None:
        begin.wait()
        try:
            work(n)
        except Exception as error:  # noqa: BLE001 (raised below)
            errors.append(error)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def counts(engine: Engine) -> tuple[int, ...]:
    """Contacts, addresses, conversations, messages."""
    with Session(engine) as session:
        tables = (Contact, Address, Conversation, InboundMessage)
        return tuple(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)


def test_a_repeat_changes_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        first = inbox.receive(connection, sms("SM1"))
    with engine.begin() as connection:
        again = inbox.receive(connection, sms("SM1", body="other words"))
    assert first.message_id is not None
    assert (again.message_id, again.conversation_id) == (None, first.conversation_id)
    assert counts(engine) == (1, 1, 1, 1)


def test_the_same_id_of_another_provider_is_another_message(engine: Engine) -> None:
    with engine.begin() as connection:
        inbox.receive(connection, sms("SM1"))
        other = inbox.receive(connection, sms("SM1", provider="gateway"))
    assert other.message_id is not None
    assert counts(engine) == (1, 1, 1, 2)


def test_sms_and_whatsapp_of_one_number_are_two_addresses(engine: Engine) -> None:
    with engine.begin() as connection:
        inbox.receive(connection, sms("SM1"))
        inbox.receive(connection, sms("SM2", channel="whatsapp"))
    assert counts(engine) == (2, 2, 2, 2)


def test_the_same_message_many_times_at_once_is_one(engine: Engine) -> None:
    found: list[int | None] = []

    def write(_: int) -> None:
        with engine.begin() as connection:
            found.append(inbox.receive(connection, sms("SM1")).message_id)

    together(write, 8)
    assert len([id_ for id_ in found if id_ is not None]) == 1
    assert counts(engine) == (1, 1, 1, 1)


def test_first_messages_of_one_address_at_once_open_one_conversation(engine: Engine) -> None:
    for round_ in range(5):
        found: list[uuid.UUID] = []

        def write(n: int, round_: int = round_, found: list[uuid.UUID] = found) -> None:
            with engine.begin() as connection:
                found.append(inbox.receive(connection, sms(f"SM{round_}-{n}", round_)).conversation_id)

        together(write, 6)
        assert len(set(found)) == 1
        assert counts(engine) == (round_ + 1, round_ + 1, round_ + 1, 6 * (round_ + 1))


def test_a_group_with_an_address_that_another_opens_meanwhile(engine: Engine) -> None:
    """It waits for the other, and then nobody of the group is left out."""
    group = [inbox.Arrival(sms(f"SM{n}", who)) for n, who in enumerate([1, 2, 1])]
    got: list[inbox.Received] = []
    writers: list[int] = []

    def write() -> None:
        with engine.begin() as connection:
            writers.append(_pid(connection))
            got.extend(inbox.receive_many(connection, group))

    with engine.connect() as other:
        opened = inbox.receive(other, sms("SM-first", 1)).conversation_id
        behind = threading.Thread(target=write)
        behind.start()
        wait_until(lambda: _pid(other) in _before(engine, writers), "the group waits for the other")
        other.commit()
        behind.join()
    assert [one.conversation_id == opened for one in got] == [True, False, True]
    assert (got[0].message_id or 0) < (got[2].message_id or 0)
    assert counts(engine) == (2, 2, 2, 4)


def test_who_opens_an_address_that_another_opens_meanwhile_waits_and_gets_the_same(engine: Engine) -> None:
    who, got, writers = ("sms", "+17675550101"), list[uuid.UUID](), list[int]()

    def write() -> None:
        with engine.begin() as connection:
            writers.append(_pid(connection))
            got.append(inbox.open_conversation(connection, *who))

    with engine.connect() as other:
        opened = inbox.open_conversation(other, *who)
        behind = threading.Thread(target=write)
        behind.start()
        wait_until(lambda: _pid(other) in _before(engine, writers), "it waits for the other")
        other.commit()
        behind.join()
    with engine.begin() as connection:
        again = inbox.open_conversation(connection, *who)
    assert [again, *got] == [opened, opened]
    assert counts(engine) == (1, 1, 1, 0)


def _pid(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def _before(engine: Engine, writers: list[int]) -> list[int]:
    """Whom these wait for."""
    found = text("SELECT unnest(pg_blocking_pids(pid)) FROM unnest(cast(:writers AS int[])) AS pid")
    with engine.connect() as connection:
        return list(connection.scalars(found, {"writers": writers}))


def test_a_message_that_is_rolled_back_can_come_again(engine: Engine) -> None:
    with engine.connect() as connection:
        inbox.receive(connection, sms("SM1"))
        connection.rollback()
    assert counts(engine) == (0, 0, 0, 0)
    with engine.begin() as connection:
        assert inbox.receive(connection, sms("SM1")).message_id is not None


def test_two_claimers_never_have_the_same_conversation(engine: Engine, sessions: sessionmaker[Session]) -> None:
    with engine.begin() as connection:
        for n in range(60):
            for part in range(2):
                inbox.receive(connection, sms(f"SM{n}-{part}", n))
    taken: list[uuid.UUID] = []

    def claim(_: int) -> None:
        while True:
            with transaction(sessions) as session:
                mine = inbox.claim_waiting(session, limit=3, hold=HOLD)
            if not mine:
                return
            taken.extend(mine)

    together(claim, 4)
    assert len(taken) == 60
    assert max(Counter(taken).values()) == 1


def test_a_claim_is_free_again_after_the_hold(session: Session) -> None:
    received = inbox.receive(session, sms("SM1"))
    assert inbox.claim_waiting(session, limit=9, hold=HOLD) == [received.conversation_id]
    assert inbox.claim_waiting(session, limit=9, hold=HOLD) == []
    session.execute(text("UPDATE conversation SET claimed_until = now() - interval '1 s'"))
    assert inbox.claim_waiting(session, limit=9, hold=HOLD) == [received.conversation_id]


def test_the_oldest_come_first_and_the_handled_not_at_all(session: Session) -> None:
    for n in (5, 3, 8, 3, 1):
        inbox.receive(session, sms(f"SM{uuid.uuid4().hex}", n))
    session.execute(
        text("UPDATE inbound_message SET handled_at = now() WHERE id = (SELECT min(id) FROM inbound_message)")
    )
    taken = inbox.claim_waiting(session, limit=2, hold=HOLD)
    numbers = {row[0]: row[1] for row in session.execute(select(Conversation.id, Address.value).join(Address))}
    assert [numbers[id_] for id_ in taken] == ["+17675550103", "+17675550108"]
    waiting = session.execute(inbox.waiting(taken)).all()
    assert [row.id for row in waiting] == sorted(row.id for row in waiting)
    assert len(waiting) == 3
    assert all(inbox.opened(row.body) for row in waiting)


def test_one_person_who_floods_does_not_keep_the_others_waiting(session: Session) -> None:
    """Another worker holds the one who wrote 400 messages; whoever wrote after is still found."""
    for part in range(400):
        inbox.receive(session, sms(f"SM{part}"))
    other = inbox.receive(session, sms("SMother", 1))
    assert len(inbox.claim_waiting(session, limit=16, hold=HOLD)) >= 1
    session.execute(text("UPDATE conversation SET claimed_until = NULL WHERE id = :id"), {"id": other.conversation_id})
    assert inbox.claim_waiting(session, limit=16, hold=HOLD) == [other.conversation_id]


def test_no_table_of_the_queue_is_read_whole_for_those_who_work_it_off(settings: Settings, engine: Engine) -> None:
    """Not even while the tables are small and no statistics are there: the plans of that moment are kept."""
    worker = make_engine(settings.database_url or "", pool_size=1, whole_tables=False)
    tables = "('address', 'conversation', 'inbound_seen', 'contact')"
    with worker.begin() as connection:
        for first in range(0, 400, 40):
            some = [sms(f"SM{number}", number) for number in range(first, first + 40)]
            inbox.receive_many(connection, [inbox.Arrival(one) for one in some])
        read = f"SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables WHERE relname IN {tables}"
        assert connection.scalar(text(read)) == 0
        connection.rollback()
    worker.dispose()
