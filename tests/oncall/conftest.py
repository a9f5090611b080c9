"""A world on a clock of its own: people, a rota, disclosures, and a carrier that keeps what it was given."""

import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from base.db import make_engine, make_sessions, transaction
from base.errors import SendError
from base.settings import OnCall, Settings
from directory import load
from messaging import inbox
from messaging.channel import Accepted
from messaging.inbound import Inbound
from oncall import cases, clocks, handling, rota, staff
from oncall import engine as on_call_engine
from oncall.cases import Disclosure
from oncall.handling import Answer
from oncall.models import Case
from oncall.pages import Paging
from oncall.paging import Paged
from tests import databases
from tests.conftest import DIRECTORY

MONDAY = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)  # 10:00 in Dominica, an ordinary working day
NIGHT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)  # Monday 23:00 in Dominica
PHONES = {
    "Ada": "+17675550111", "Bea": "+17675550112", "Cyr": "+17675550113", "Dan": "+17675550114", "Eve": "+17675550115",
}  # fmt: skip
BEATEN = Disclosure("domestic_violence", "high", ("x",))
KNIFE = Disclosure("domestic_violence", "critical", ("x",))
REFUSED = Disclosure("discrimination", "standard", ("x",))
MANY = [
    "+17675550160", "+17675550161", "+17675550162", "+17675550163", "+17675550164", "+17675550165",
]  # fmt: skip


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@dataclass
class Carrier:
    """Takes pages and remembers when, to whom, how and what; refuses while `refuses` is set."""

    world: "World"
    taken: list[tuple[datetime, str, str, str]] = field(default_factory=list)
    refuses: SendError | None = None
    hangs: threading.Event | None = None
    asked: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, page: Paging) -> Accepted:
        hangs = self.hangs
        self.asked.set()
        if hangs:
            hangs.wait(60)
        with self.lock:
            if self.refuses:
                raise self.refuses
            who = next(name for name, phone in PHONES.items() if phone == page.phone)
            self.taken.append((self.world.at, who, page.channel, page.kind))
            self.arrived.set()
            return Accepted(f"SM{page.id.hex}", "queued")


class World:
    """Everything at one moment, `at`, which only the test moves on."""

    def __init__(self, sessions: sessionmaker[Session], config: OnCall, at: datetime) -> None:
        self.sessions, self.config, self.at = sessions, config, at
        self.policy = clocks.policy_of(config)
        self.carrier = Carrier(self)
        self.paged = Paged(sessions, self.carrier, config, threads=2, now=self.now)
        self.people: dict[str, uuid.UUID] = {}
        self.written = 0

    def now(self, _: Session | None = None) -> datetime:
        return self.at

    def hire(
        self, *names: str, role: str = "officer", verified: bool = True, page_by: Sequence[str] = ("sms",)
    ) -> None:
        with transaction(self.sessions) as session:
            for name in names:
                one = staff.add(session, name, [role], self.at, phone=PHONES[name], verified=verified, page_by=page_by)
                self.people[name] = one.id

    def shift(self, name: str, level: int, *, days: float = 60) -> None:
        with transaction(self.sessions) as session:
            rota.add_shift(session, self.people[name], level, self.at, self.at + timedelta(days=days), self.at)

    def crew(self) -> None:
        """One on call, one backup, one supervisor, one more officer."""
        self.hire("Ada", "Bea", "Dan")
        self.hire("Cyr", role="supervisor")
        self.shift("Ada", 1)
        self.shift("Bea", 2)

    def write(self, told: Disclosure | None = KNIFE, *, phone: str = "+17675550150") -> uuid.UUID:
        """A message comes in; with `told` it is a disclosure. Returns the case."""
        self.written += 1
        with transaction(self.sessions) as session:
            got = inbox.receive(session, Inbound("test", f"SM{self.written}", "sms", phone, "x"))
            assert got.message_id is not None
            if told:
                case = cases.disclose(session, got.conversation_id, got.message_id, told, language="en", now=self.at)
            else:
                found = cases.open_case(session, got.conversation_id, lock=True)
                assert found is not None
                case = found
                cases.add_message(session, case, got.message_id, now=self.at)
            return case.id

    def turn(self) -> None:
        """One look of the engine, and all pages sent."""
        on_call_engine.tick(self.sessions, self.policy, now=self.now)
        while self.paged.send_due():
            pass

    def run(self, until: datetime) -> None:
        """Move the clock to each moment at which something is due, and to the end."""
        self.turn()
        while (coming := self.next_due()) is not None and coming <= until:
            self.at = max(coming, self.at)
            self.turn()
        self.at = until

    def next_due(self) -> datetime | None:
        """The next clock of a case or of a page."""
        with self.sessions() as session:
            return (
                session.connection()
                .exec_driver_sql(
                    'SELECT least((SELECT min(due_at) FROM "case" WHERE closed_at IS NULL),'
                    " (SELECT min(due_at) FROM page WHERE state = 'queued'))"
                )
                .scalar()
            )

    def do(self, what: str, name: str, case_id: uuid.UUID, *arguments: object, **named: object) -> Answer:
        """One of oncall.handling's functions, by a person, now."""
        with transaction(self.sessions) as session:
            answer = getattr(handling, what)(session, case_id, self.people[name], *arguments, self.at, **named)
            assert isinstance(answer, Answer)
            return answer

    def do_with(self, what: str, case_id: uuid.UUID, other_id: uuid.UUID, name: str) -> Answer:
        """Likewise, with a second case."""
        with transaction(self.sessions) as session:
            answer = getattr(handling, what)(session, case_id, other_id, self.people[name], self.at)
            assert isinstance(answer, Answer)
            return answer

    def case(self, case_id: uuid.UUID) -> Case:
        with self.sessions() as session:
            return session.get_one(Case, case_id)

    def pages(self, since: datetime) -> list[tuple[float, str, str, str]]:
        """What was sent: minutes since `since`, to whom, how, what kind."""
        return [((at - since).total_seconds() / 60, who, way, kind) for at, who, way, kind in self.carrier.taken]

    def texts(self, since: datetime) -> list[tuple[float, str]]:
        """The same, without telephone calls and news: minutes and names, sorted within a moment."""
        return sorted((at, who) for at, who, way, kind in self.pages(since) if way != "voice" and kind == "case")


@pytest.fixture(scope="session")
def own_engine(database_url: str) -> Iterator[Engine]:
    """A database of this folder's own: an engine process of other tests would page in it by the real clock."""
    with databases.migrated(database_url) as url:
        engine = make_engine(url, pool_size=20)
        with make_sessions(engine)() as session, session.begin():
            load.seed(session, demo=True)
        yield engine
        engine.dispose()


@pytest.fixture
def engine(own_engine: Engine) -> Engine:
    """That database, empty but for the directory."""
    databases.empty(own_engine, DIRECTORY)
    return own_engine


@pytest.fixture
def settings_(settings: Settings) -> Settings:
    """The settings under a name that hypothesis does not use."""
    return settings


@pytest.fixture
def world(sessions: sessionmaker[Session], settings: Settings) -> World:
    return World(sessions, settings.config.oncall, MONDAY)


def names(found: Iterable[tuple[float, str]], at: float) -> set[str]:
    return {who for when, who in found if when == at}
