"""Encrypted columns, and errors that do not show what was stored."""

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, select, text
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError
from sqlalchemy.orm import Session

from base.crypto import key_number
from base.db import EncryptedJSON, EncryptedText, driver_url, make_engine
from base.errors import ConfigError

CANARY = "zwazo-kwabiyon"
TABLE = Table(
    "try_out",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("words", EncryptedText("try_out.words")),
    Column("facts", EncryptedJSON("try_out.facts")),
    Column("plain", Text, unique=True),
    prefixes=["TEMPORARY"],
)


@pytest.fixture(autouse=True)
def _table(session: Session) -> None:
    TABLE.create(session.connection())


def test_words_and_facts_come_back_and_are_not_in_the_bytes(session: Session) -> None:
    session.execute(TABLE.insert().values(id=1, words=CANARY, facts={"said": [CANARY, 1.5, None]}))
    assert session.execute(select(TABLE.c.words, TABLE.c.facts)).one() == (CANARY, {"said": [CANARY, 1.5, None]})
    stored = session.execute(text("SELECT words, facts FROM try_out")).one()
    for value in stored:
        assert CANARY.encode() not in bytes(value)
        assert key_number(bytes(value)) == 1


def test_nothing_stays_nothing(session: Session) -> None:
    session.execute(TABLE.insert().values(id=1, words=None, facts=None))
    assert session.execute(text("SELECT words, facts FROM try_out")).one() == (None, None)
    assert session.execute(select(TABLE.c.words, TABLE.c.facts)).one() == (None, None)


def test_a_value_moved_to_another_column_does_not_open(session: Session) -> None:
    session.execute(TABLE.insert().values(id=1, words=CANARY))
    session.execute(text("UPDATE try_out SET facts = words"))
    with pytest.raises(ConfigError, match=r"try_out\.facts does not open"):
        session.execute(select(TABLE.c.facts)).all()


def test_an_error_shows_no_parameter(session: Session) -> None:
    with pytest.raises(DBAPIError) as error:
        session.execute(TABLE.insert().values(id="x" + CANARY, plain=CANARY))
    statement = str(error.value).replace("\n", " ")
    assert f"'plain': '{CANARY}'" not in statement
    assert "parameters hidden" in statement or "hide_parameters" in statement


def test_a_value_that_cannot_be_encrypted_is_not_shown(session: Session) -> None:
    with pytest.raises(StatementError) as error:
        session.execute(TABLE.insert().values(id=1, words=CANARY + "\ud800"))
    assert CANARY not in str(error.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_addresses_of_databases_as_people_write_them(scheme: str) -> None:
    assert driver_url(f"{scheme}://someone@host/name") == "postgresql+psycopg://someone@host/name"


def test_a_statement_that_takes_too_long_is_ended(database_url: str) -> None:
    engine = make_engine(database_url, pool_size=1, statement_s=1)
    try:
        with pytest.raises(OperationalError), engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(30)"))
    finally:
        engine.dispose()
