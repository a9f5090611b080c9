"""Models and migrations say the same, and every migration goes down as well as up."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from base.db import make_engine
from koudmen.database import alembic, upgrade_at
from koudmen.partitions import is_part
from koudmen.tables import METADATA
from tests import databases

OPTIONS = {
    "compare_type": True,
    "compare_server_default": False,
    "include_name": lambda name, kind, _: kind != "table" or not is_part(name),
}


@pytest.fixture
def empty_engine(database_url: str) -> Iterator[Engine]:
    """A database with nothing in it, beside the shared one."""
    with databases.beside(database_url) as url:
        engine = make_engine(url, pool_size=2)
        yield engine
        engine.dispose()


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=OPTIONS)
        return list(compare_metadata(context, METADATA))


def tables(engine: Engine) -> set[str]:
    return {name for name in inspect(engine).get_table_names() if name != "alembic_version" and not is_part(name)}


def test_models_and_migrations_say_the_same(empty_engine: Engine) -> None:
    upgrade_at(empty_engine)
    assert differences(empty_engine) == []
    assert tables(empty_engine) == set(METADATA.tables)


def test_each_migration_goes_down_and_up_again(empty_engine: Engine) -> None:
    script = ScriptDirectory.from_config(alembic())
    revisions = [revision.revision for revision in script.walk_revisions()]
    upgrade_at(empty_engine)
    for below in [*revisions[1:], "base"]:
        databases.down(empty_engine, below)
    assert tables(empty_engine) == set()
    upgrade_at(empty_engine)
    assert differences(empty_engine) == []


def test_an_upgrade_may_be_repeated(empty_engine: Engine) -> None:
    for _ in range(2):
        upgrade_at(empty_engine)
    assert differences(empty_engine) == []


def test_migrations_are_one_line() -> None:
    script = ScriptDirectory.from_config(alembic())
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1
