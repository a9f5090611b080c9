"""The inbox: the same message once, one conversation an address, each conversation to one claimer."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session, sessionmaker

from base.db import transaction
from messaging import inbox
from messaging.inbound import Inbound
from messaging.models import Address, Contact, Conversation, InboundMessage

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
