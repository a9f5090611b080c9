"""Keeping the directory true from the shell; and nothing confidential in any list, history, error or log of it."""

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

import directory.models as m
from base.db import transaction
from base.errors import KoudmenError
from base.settings import Settings
from directory import edit, fields, history, truth
from directory.seed_rows import service_id
from koudmen import cli
from tests.security.search import find as hits
from tests.webhooks.hsds_world import SECRETS, World, make_world

Run = Callable[..., tuple[int, str]]
NOON = datetime(2026, 11, 20, 16, tzinfo=UTC)
WELFARE = service_id("social-welfare")


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """A command; its exit code and all that it prints and logs."""
    for name, value in (
        ("DATABASE_URL", settings.database_url), ("KOUDMEN_KEYS", settings.keys), ("KOUDMEN_HOME", str(settings.home)),
    ):  # fmt: skip
        monkeypatch.setenv(name, value or "")

    def command(*words: object) -> tuple[int, str]:
        code = cli.main(["directory", *map(str, words)])
        told = capfd.readouterr()
        return code, told.out + told.err

    return command


@pytest.fixture
def world(sessions: sessionmaker[Session]) -> Iterator[World]:
    with make_world(sessions) as made:
        yield made
        with transaction(sessions) as session:
            session.execute(delete(m.FieldChange))


def phone_of(sessions: sessionmaker[Session], world: World) -> m.Phone:
    with sessions() as session:
        mine = select(m.Phone).where(m.Phone.service_id == world.full, ~m.Phone.confidential)
        return session.scalars(mine).one()


def test_a_number_is_changed_dialled_put_back_and_taken_out_of_use(
    run: Run, world: World, sessions: sessionmaker[Session]
) -> None:
    phone = phone_of(sessions, world)
    row = ("phone", phone.id)
    code, told = run("edit", *row, "number", "767-555-0109", "--by", "A. Clerk", "--reason", "their letter")
    assert (code, "'+17675550101' -> '+17675550109' (their letter)" in told) == (0, True)
    change = told.split()[0]
    assert str(phone.id) in run("stale", "--limit", "500")[1]
    assert run("edit", *row, "number", "767-555-0108", "--by", "B", "--expected", "+17675550101")[0] == 2
    assert run("verify", *row, "--by", "A. Clerk")[0] == 2  # which number was dialled?
    assert run("verify", *row, "--by", "A. Clerk", "--number", "+17675550101")[0] == 2  # not this one
    code, told = run("verify", *row, "--by", "A. Clerk", "--number", "767 555 0109", "--on", "2926-11-20")
    assert (code, "has not come yet" in told) == (2, True)
    assert run("verify", *row, "--by", "A. Clerk", "--number", "767 555 0109", "--on", "2026-11-20")[0] == 0
    assert "verified: 2026-11-20 by A. Clerk, again 2027-05-19" in run("show", world.full)[1]
    assert run("restore", change, "--by", "B. Clerk", "--reason", "a slip")[0] == 0
    assert run("restore", change, "--by", "B. Clerk")[0] == 2  # it has been put back
    assert run("retire", *row, "--by", "B. Clerk")[0] == 0
    assert str(phone.id) not in run("stale", "--limit", "500")[1]
    assert run("unretire", *row, "--by", "B. Clerk")[0] == 0
    lines = run("history", "service", world.full)[1].splitlines()
    assert [re.search(r"(update|verify|restore|retire)", line)[0] for line in lines][-1] == "update"  # type: ignore[index]
    with sessions() as session:
        now = session.get_one(m.Phone, phone.id)
        assert (now.number, now.verified_on, now.retired_on) == ("+17675550101", None, None)


def test_faults_are_sentences(run: Run, world: World, sessions: sessionmaker[Session]) -> None:
    phone = phone_of(sessions, world).id
    for words in (
        ("edit", "phone", uuid.uuid4(), "number", "911", "--by", "A"),
        ("edit", "phone", phone, "quetzal", "1", "--by", "A"),
        ("edit", "phone", phone, "number", "quetzal", "--by", "A"),
        ("edit", "phone", phone, "number", "911", "--by", " "),
        ("restore", uuid.uuid4(), "--by", "A"),
        ("retire", "organization", service_id("odm"), "--by", "A"),
        ("verify", "language", uuid.uuid4(), "--by", "A"),
    ):
        code, told = run(*words)
        assert (code, "Traceback" in told, "SELECT" in told, "quetzal" in told) == (2, False, False, False), words
        assert told.startswith("koudmen directory: "), words


def hidden_rows(session: Session, world: World) -> list[Any]:
    """Everything that is the refuge's."""
    found = [*history.rows_of(session, session.get_one(m.Service, world.refuge))]
    found.append(session.get_one(m.Organization, world.hidden_ids[0]))
    return found + list(session.scalars(select(m.Phone).where(m.Phone.confidential)))


def test_the_refuge_is_in_no_list_history_error_or_log(
    run: Run, world: World, sessions: sessionmaker[Session], caplog: pytest.LogCaptureFixture
) -> None:
    """After it was edited, so that its history is full of it; asked for by each of its own ids."""
    changed = []
    with transaction(sessions) as session:
        for row in hidden_rows(session, world):
            for field in {"name", "description", "number", "address_1"} & set(fields.editable(type(row))):
                before = getattr(row, field)
                new = "+17675550109" if field == "number" else "other words"
                changed += edit.edit(session, row, field, new, by="A. Clerk", now=NOON)
                edit.edit(session, row, field, before, by="A. Clerk", now=NOON)
    with sessions() as session:
        rows = [(row.__tablename__, row.id) for row in hidden_rows(session, world)]
    told = [
        run("stale", "--on", "2028-01-01", "--limit", "100000")[1],
        run("show", world.full)[1],
        run("history", "service", world.full)[1],
    ]
    for table, key in rows:
        for words in (
            ("history", table, key), ("edit", table, key, "description", "x", "--by", "B"),
            ("verify", table, key, "--by", "B"), ("retire", table, key, "--by", "B"),
        ):  # fmt: skip
            code, words_told = run(*words)
            assert (code, "confidential" in words_told) == (2, True), words
            told.append(words_told)
    told += [run("show", world.refuge)[1], *(run("restore", one.id, "--by", "B")[1] for one in changed)]
    with sessions() as session:
        refused = 0
        for row in hidden_rows(session, world):
            for field in fields.editable(type(row)):
                with pytest.raises(KoudmenError) as error:
                    edit.edit(session, row, field, "\x01" * 9, by="A", now=NOON, expected=SECRETS["alert"] + "!")
                told.append(str(error.value))
                refused += 1
        assert refused > 50
    ids = {f"id {n}": str(key) for n, (_, key) in enumerate(rows)}
    assert hits(SECRETS | ids, "\n".join([*told, caplog.text]).encode()) == []


def test_the_search_for_the_refuge_finds_it_where_it_may_be_seen(run: Run, world: World) -> None:
    """The test above can fail."""
    told = run("show", world.refuge, "--confidential")[1]
    assert SECRETS["service"] in told
    assert SECRETS["street"] in told
    assert SECRETS["phone"] in run("stale", "--on", "2028-01-01", "--limit", "100000", "--confidential")[1]


def test_what_is_checked_is_the_row_as_it_is(sessions: sessionmaker[Session]) -> None:
    """A service's check is in its history with the day it happened."""
    with sessions() as session:
        service = session.get_one(m.Service, WELFARE)
        truth.verify(session, service, by="A. Clerk", on=NOON.date(), now=NOON)
        assert {one.last_action_date for one in history.history(session, service)} == {NOON}
        session.rollback()
