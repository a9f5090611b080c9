"""Two machines on one database: one is cut off, or loses its power; nothing is lost, nobody answered twice."""

import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from base import db
from base.db import database_now, transaction
from base.settings import ROOT
from messaging.models import InboundMessage, OutboundMessage
from oncall import rota, staff
from tests.bench.pages import ORDINARY
from tests.conftest import KEYS
from tests.faults.checker import outbound_id
from tests.faults.house import OFFICER
from tests.faults.machines import Island, Machine, allowed, opened
from tests.faults.people import addresses
from tests.service import COMMANDS, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not allowed(), reason="network namespaces may not be made here"),
]
DISCLOSURE = "mari m ap bat mwen"
HOLDS = """
import sys, time, psycopg
connection = psycopg.connect(sys.argv[1], options=sys.argv[3])
connection.execute("SELECT 1 FROM conversation WHERE id = %s FOR UPDATE", (sys.argv[2],))
print("held", flush=True)
time.sleep(600)
"""
numbers = itertools.cycle(one for one in addresses(1000) if not one.startswith("whatsapp:"))


@pytest.fixture(scope="module")
def island(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Island]:
    with opened(tmp_path_factory.mktemp("island"), KEYS) as found:
        with transaction(found.sessions) as session:
            now = database_now(session)
            who = staff.add(session, "Ada", ["officer"], now, phone=OFFICER, verified=True)
            rota.add_shift(session, who.id, 1, now - timedelta(hours=1), now + timedelta(hours=12), now)
        yield found


def _write(island: Island, machines: list[Machine], count: int) -> set[str]:
    """So many people write, to these machines by turns; all are taken."""
    taken = [
        island.write(machines[n % len(machines)], next(numbers), ORDINARY[n % len(ORDINARY)]) for n in range(count)
    ]
    assert {status for _, status in taken} == {204}
    return {sid for sid, _ in taken}


def _answered_once(island: Island, sids: set[str], within_s: float = 30) -> None:
    """Each of these messages has been written down and answered, and no reply left twice."""

    def done() -> bool:
        with island.sessions() as session:
            mine = select(func.count()).where(InboundMessage.external_id.in_(sids))
            return session.scalar(mine.where(InboundMessage.handled_at.is_not(None))) == len(sids)

    wait_until(done, "all are handled", within_s)
    wait_until(lambda: _left(island) == _owed(island), "every reply has left once", within_s)


def _left(island: Island) -> Counter[str]:
    return Counter(outbound_id(one) for one in island.double.sent() if one.to != OFFICER)


def _owed(island: Island) -> Counter[str]:
    with island.sessions() as session:
        return Counter(str(id_) for id_ in session.scalars(select(OutboundMessage.id)))


def test_both_take_part(island: Island) -> None:
    sids: set[str] = set()

    def both() -> bool:
        sids.update(_write(island, [island.one, island.two], 10))
        return all('"turn"' in machine.service.logs() for machine in (island.one, island.two))

    wait_until(both, "both answer", 60)
    _answered_once(island, sids)


def test_a_machine_that_is_cut_off_spools_and_the_other_goes_on(island: Island) -> None:
    island.two.cut()
    try:
        there = _write(island, [island.two], 20)
        here = _write(island, [island.one], 20)
        before = len(island.double.sent(OFFICER))
        island.write(island.one, next(numbers), DISCLOSURE)
        island.write(island.two, next(numbers), DISCLOSURE)
        wait_until(lambda: len(island.double.sent(OFFICER)) > before, "the other machine pages", 60)
        _answered_once(island, here)
        with island.sessions() as session:
            assert not session.scalar(select(func.count()).where(InboundMessage.external_id.in_(there)))
    finally:
        island.two.heal()
    _answered_once(island, there, 60)
    wait_until(lambda: len(island.double.sent(OFFICER)) > before + 1, "what was spooled is paged", 60)


def test_a_machine_without_power_lets_go_of_what_it_held(island: Island) -> None:
    """The database hears nothing of its end, and would keep its rows locked."""
    sender = next(numbers)
    sid, _ = island.write(island.one, sender, "I need food in Roseau")
    _answered_once(island, {sid})
    with island.sessions() as session:
        newest = select(InboundMessage.conversation_id).order_by(InboundMessage.id.desc()).limit(1)
        held = session.scalars(newest).one()
    env = island.two.service.env
    holder = subprocess.Popen(
        [*island.two.service.within, sys.executable, "-c", HOLDS, env["DATABASE_URL"], str(held), _options()],
        cwd=ROOT, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    island.two.power_cut()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    sid, status = island.write(island.one, sender, "thanks")
    assert status == 204
    _answered_once(island, {sid}, 60)
    island.two.heal()
    island.two.service.start(*COMMANDS)
    _answered_once(island, _write(island, [island.one, island.two], 20))


def _options() -> str:
    """What our processes tell the server at the start of a session."""
    return db.OPTIONS
