"""The last migrations go down and up with rows in every table that they touch: no row is lost on the way that both
versions have a place for, and what a month's numbers leave behind (one of the carrier's ids twice, a reply twice, a
message that is gone) forbids neither way."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.orm import Session, sessionmaker

from base import audit
from base.db import make_engine, make_sessions, transaction
from bot.models import ReadAgain, UnreadMessage
from dashboard.models import MonthlyReport
from koudmen import partitions
from koudmen.database import upgrade_at
from koudmen.partitions import is_part
from messaging import inbox, months, outbox
from messaging.inbound import Inbound
from messaging.models import Conversation, InboundSeen, OutboundMessage
from messaging.outbox import Lane
from oncall import cases, staff
from oncall.cases import Disclosure
from oncall.models import Case, CaseEvent, Consent, Page, Staff
from tests import databases
from tests.webhooks.hsds_world import write_world

BELOW = "0017"  # the last migration of the last release
NOW = datetime.now(UTC)
GONE = 7  # a message that is not there any more
SHAPE = """
SELECT c.relname, coalesce(string_agg(x.what, E'\\n' ORDER BY x.what), '') FROM pg_class c JOIN (
  SELECT attrelid AS of, concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity) AS what
    FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
  UNION ALL SELECT conrelid, pg_get_constraintdef(oid) FROM pg_constraint
  UNION ALL SELECT indrelid, pg_get_indexdef(indexrelid) FROM pg_index
  UNION ALL SELECT tgrelid, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
) AS x ON x.of = c.oid WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.relname
"""


FUNCTIONS = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'"
# What 0019 made of a table at first; see koudmen/migrations/versions/0024_triggers_again.py.
FIRST = (
    "CREATE FUNCTION directory_touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    "CREATE TRIGGER touched_by_insert AFTER INSERT ON service_need REFERENCING NEW TABLE AS changed"
    " FOR EACH STATEMENT EXECUTE FUNCTION directory_touched('service_id')",
)


@pytest.fixture
def own(database_url: str) -> Iterator[Engine]:
    """A database of its own at the newest version, with the tables of this month."""
    with databases.migrated(database_url) as url:
        engine = make_engine(url, pool_size=4)
        partitions.ensure(make_sessions(engine), NOW)
        yield engine
        engine.dispose()


def shape(engine: Engine) -> dict[str, str]:
    """What each table is like: columns, constraints, indexes, triggers."""
    with engine.connect() as connection:
        return {name: what for name, what in connection.execute(text(SHAPE)) if not is_part(name)}


def counts(engine: Engine) -> dict[str, int]:
    names = [name for name in inspect(engine).get_table_names() if not is_part(name)]
    with engine.connect() as connection:
        return {name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in names}


def came(session: Session, sid: str) -> int:
    """A message came; its id."""
    got = inbox.receive(session, Inbound("twilio", sid, "sms", "+17675550101", "hello", "text", {}))
    assert got.message_id
    return got.message_id


def fill(sessions: sessionmaker[Session]) -> None:
    """Messages with all that hangs on them, before there were months and in this one, and what months allow."""
    with transaction(sessions) as session:
        who = staff.add(session, "Ada", ["officer"], NOW, phone="+17675550199", verified=True)
        who.roles_asked, who.roles_asked_by_id = ["supervisor"], who.id
        session.add(MonthlyReport(month=date(2026, 1, 1), made_at=NOW, tables={}))
        audit.record(session, "staff.added", NOW)
    with transaction(sessions) as session:
        session.execute(text("SELECT setval('inbound_message_id_seq', 20)"))
        old = came(session, "SM1")
        conversation = session.query(Conversation).one()
        outbox.queue(session, conversation, "sms", ["one", "two"], lane=Lane.REPLY, inbound_id=old)
    partitions.ensure(sessions, NOW)
    with transaction(sessions) as session:
        session.query(InboundSeen).delete()  # forty days later
        new = came(session, "SM1")
        conversation = session.query(Conversation).one()
        outbox.queue(session, conversation, "sms", ["one"], lane=Lane.REPLY, inbound_id=new)
        twice = {"conversation_id": conversation.id, "channel": "sms", "lane": 1, "segments": 1}
        session.add(OutboundMessage(inbound_id=new, seq=0, **twice))
        session.add(OutboundMessage(inbound_id=GONE, seq=0, **twice))
        session.add(OutboundMessage(inbound_id=None, seq=0, **twice))
        cases.disclose(session, conversation.id, new, Disclosure("danger", "high"), language="en", now=NOW)
        case = session.query(Case).one()
        session.add(CaseEvent(case_id=case.id, kind="note", inbound_id=GONE))
        for link in (new, GONE):
            session.add(Consent(case_id=case.id, purpose="share", wording="1", inbound_id=link, given_at=NOW))
            session.add(UnreadMessage(inbound_id=link, conversation_id=conversation.id, reason="unclear"))
        session.add(ReadAgain(inbound_id=new))
        ada = session.query(Staff).one()
        told = {"code": "AB", "created_at": NOW, "due_at": NOW, "phone": "+17675550198"}
        session.add(Page(staff_id=ada.id, channel="sms", kind="test", **told))


def test_down_and_up_with_rows_in_every_table_touched(own: Engine) -> None:
    sessions = make_sessions(own)
    write_world(sessions)
    fill(sessions)
    above, before = shape(own), counts(own)
    databases.down(own, BELOW)
    below, between = shape(own), counts(own)
    touched = {name for name in above.keys() | below.keys() if above.get(name) != below.get(name)}
    assert {"inbound_message", "service_capacity", "phone", "page"} <= touched
    assert {name for name in touched if not (before.get(name) or between.get(name))} == set()
    lost = {name for name in between if name != "alembic_version" and between[name] < before[name]}
    assert lost == {"unread_message"}, "one, whose message was gone"
    upgrade_at(own)
    assert shape(own) == above
    after = counts(own)
    assert {name: after[name] for name in between} == between
    _goes_on(own, sessions, after)


def _goes_on(own: Engine, sessions: sessionmaker[Session], rows: dict[str, int]) -> None:
    """What is numbered by this month comes into its table; what comes next is numbered on."""
    partitions.ensure(sessions, NOW)
    with transaction(sessions) as session:
        assert came(session, "SM2") > months.first_inbound(months.month_of(NOW)) + 1
        lies = session.execute(text("SELECT tableoid::regclass::text, count(*) FROM inbound_message GROUP BY 1"))
        assert {row[0]: row[1] for row in lies} == {"inbound_message_before": 1, f"inbound_message_{NOW:%Y_%m}": 2}
    assert counts(own)["inbound_message"] == rows["inbound_message"] + 1
    databases.down(own, "0020")
    upgrade_at(own)
    assert counts(own)["inbound_message"] == rows["inbound_message"] + 1


@pytest.mark.parametrize("version", ["0019", "0023"])
@pytest.mark.parametrize("left", [(), FIRST], ids=["no trigger", "the first ones"])
def test_a_database_without_the_triggers_of_0019_gets_them(own: Engine, version: str, left: tuple[str, ...]) -> None:
    """It was migrated before 0019 was changed: none of its triggers, or those that it made at first."""
    above, whole = shape(own), functions(own)
    databases.down(own, version)
    with own.begin() as connection:
        for name in functions(own):
            if name.endswith("_touches"):
                connection.execute(text(f"DROP FUNCTION {name} CASCADE"))
        for table in ("service_text", "location_address", "directory_contact"):
            connection.execute(text(f"DROP TRIGGER directory_changed ON {table}"))
        for statement in left:
            connection.execute(text(statement))
    assert shape(own) != above
    for _ in range(2):
        upgrade_at(own)
        assert (shape(own), functions(own)) == (above, whole)
    databases.down(own, BELOW)


def functions(engine: Engine) -> dict[str, str]:
    """Our functions and what they do."""
    with engine.connect() as connection:
        return {name: what for name, what in connection.execute(text(FUNCTIONS))}  # noqa: C416 (rows are no pairs to dict)
