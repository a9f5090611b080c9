"""Every table that the search reads tells it of its changes: a trigger on it writes to `directory_change`."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Table, event, text
from sqlalchemy.orm import Session
from sqlalchemy.sql import visitors

from directory import indexing, search
from directory.found import Query
from directory.freshness import DirectoryChange

EVERY = {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}  # bits of pg_trigger.tgtype
WATCHED = text("SELECT tgrelid::regclass::text, tgtype FROM pg_trigger WHERE tgname = 'directory_changed'")


def read(session: Session, engine: Engine) -> set[str]:
    """The tables that building the index and telling what was found read."""
    tables = set[str]()

    def look(_: Any, statement: Any, *_rest: Any) -> None:
        if hasattr(statement, "get_children"):
            tables.update(one.name for one in visitors.iterate(statement) if isinstance(one, Table))

    event.listen(engine, "before_execute", look)
    try:
        indexing.build(session)
        found = search.find(session, Query(needs=("health",), at=datetime.now(UTC)))
        assert found
        assert search.details(session, found[0].service_id)
    finally:
        event.remove(engine, "before_execute", look)
    return tables - {DirectoryChange.__tablename__}


def test_every_table_that_the_search_reads_wakes_it(session: Session, engine: Engine) -> None:
    session.execute(text("UPDATE service SET name = name"))  # so that nothing is told from memory
    seen = read(session, engine)
    assert {"service", "schedule", "service_text", "location_address", "accessibility"} <= seen
    watched = {table: kind for table, kind in session.execute(WATCHED)}  # noqa: C416 (rows are no pairs to dict)
    for table in seen:
        missed = [name for name, bit in EVERY.items() if not watched.get(table, 0) & bit]
        assert not missed, f"{table}: {missed}"


def test_a_reviewed_name_and_a_new_address_are_told_at_once(sessions: Any) -> None:
    """Each committed by somebody else, while this process keeps what it read."""
    query = Query(needs=("health",), limit=1)
    with sessions() as session:
        (first,) = search.find(session, query)
    for change, undo, told in (
        (
            "INSERT INTO service_text (id, service_id, field, language, text, state, reviewed_by)"
            " VALUES (gen_random_uuid(), :id, 'name', 'ht', 'Sante', 'reviewed', 'A. Speaker')",
            "DELETE FROM service_text WHERE service_id = :id AND language = 'ht' AND field = 'name'",
            lambda one: one.said("name", "ht") == "Sante",
        ),
        (
            "UPDATE location_address SET address_1 = address_1 || ' (new)' WHERE location_id IN"
            " (SELECT location_id FROM service_at_location WHERE service_id = :id)",
            "UPDATE location_address SET address_1 = replace(address_1, ' (new)', '')",
            lambda one: str(one.address).endswith("(new)"),
        ),
    ):
        _commit(sessions, change, first.service_id)
        try:
            with sessions() as session:
                assert told(search.find(session, query)[0])
        finally:
            _commit(sessions, undo, first.service_id)
        with sessions() as session:
            assert search.find(session, query)[0] == first


def _commit(sessions: Any, statement: str, key: Any) -> None:
    with sessions() as session, session.begin():
        session.execute(text(statement), {"id": key} if ":id" in statement else {})
