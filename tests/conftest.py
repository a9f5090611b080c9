"""Real servers for the tests: one PostgreSQL and one Valkey for the whole run, a Rasa when a test asks for one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from base.crypto import KeyRing, new_key_text, parse_keys
from base.db import make_engine, make_sessions, use_keys
from base.settings import ROOT, Settings, load_settings
from directory import load
from koudmen.database import upgrade_at
from koudmen.embedded import embedded_postgres, embedded_valkey
from koudmen.nlu import started_rasa
from koudmen.tables import METADATA
from tests import databases
from tests.fakes.twilio import TwilioDouble
from tests.service import Service, free_port

KEYS = new_key_text()
DIRECTORY = {  # loaded once; everything else is emptied before each test
    table.name for table in METADATA.sorted_tables if table.name.startswith(("service", "organization", "location"))
} | set(
    "phone schedule language accessibility cost_option required_document taxonomy taxonomy_term attribute program url "
    "funding unit directory_contact directory_metadata directory_change seed_row".split()
)


@pytest.fixture(scope="session", autouse=True)
def keys() -> KeyRing:
    """The keys of the test process."""
    ring = parse_keys(KEYS)
    use_keys(ring)
    return ring


@pytest.fixture
def keys_given_back(keys: KeyRing) -> Iterator[None]:
    """The test changes this process's keys; afterwards they are as before."""
    yield
    use_keys(keys)


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Iterator[str]:
    """A migrated database with the directory in it."""
    with embedded_postgres(tmp_path_factory.mktemp("pg"), durable=False) as url:
        engine = make_engine(url)
        upgrade_at(engine)
        with make_sessions(engine)() as session, session.begin():
            load.seed(session, demo=True)
        engine.dispose()
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture(scope="session")
def rasa() -> Iterator[tuple[str, str]]:
    """Address and token of a real Rasa with the project's model."""
    with started_rasa() as found:
        yield found


@pytest.fixture(scope="session")
def shared_engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url, pool_size=20)
    yield engine
    engine.dispose()


def empty(engine: Engine) -> None:
    """Take everything out but the directory."""
    for left in range(10, -1, -1):
        try:
            databases.empty(engine, DIRECTORY | {"heartbeat"})
            break
        except OperationalError:  # the running service works in these tables: a deadlock is settled by trying again
            if not left:
                raise


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    """The database, empty but for the directory."""
    empty(shared_engine)
    return shared_engine


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    return make_sessions(engine)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session whose work is rolled back at the end."""
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as found:
            yield found
        outer.rollback()


def make_settings(home: Path, **env: str) -> Settings:
    """Settings from an environment of their own, never from this machine's."""
    return load_settings({"KOUDMEN_HOME": str(home), "KOUDMEN_KEYS": KEYS, **env})


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    return make_settings(tmp_path, DATABASE_URL=database_url, REDIS_URL=redis_url)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the running service come last: once its workers are started they answer whatever another test writes
    into the same database."""
    items.sort(key=lambda item: "shared_service" in getattr(item, "fixturenames", ()))


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault("PYTHONHASHSEED", "0")


@pytest.fixture(scope="session")
def shared_double() -> Iterator[TwilioDouble]:
    """A Twilio on this machine; each test begins with it empty and strict (see `double`)."""
    double = TwilioDouble("http://127.0.0.1:1", permissive=True)
    yield double
    double.stop()


def quiet_config(folder: Path) -> Path:
    """The project's config.yml without messages that the tests did not send: tables are emptied between tests, and
    the reconciler would rightly take in again what the double still has."""
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    config["sweeper"] |= {"synthetic": "0 s", "reconcile": "0 s"}
    path = folder / "quiet.yml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def shared_service(
    tmp_path_factory: pytest.TempPathFactory,
    database_url: str,
    shared_engine: Engine,
    redis_url: str,
    rasa: tuple[str, str],
    shared_double: TwilioDouble,
) -> Iterator[Service]:
    """Web, workers, sweeper and engine as processes, with Rasa, talking to the double."""
    empty(shared_engine)  # they would answer, and page, what the tests before them left
    folder, port = tmp_path_factory.mktemp("service"), free_port()
    base = f"http://127.0.0.1:{port}"
    shared_double.serve_at(base)
    env = {
        "KOUDMEN_HOME": str(folder),
        "KOUDMEN_CONFIG": str(quiet_config(folder)),
        "KOUDMEN_KEYS": KEYS,
        "KOUDMEN_REHEARSAL": "1",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "RASA_URL": rasa[0],
        "RASA_TOKEN": rasa[1],
        "PORT": str(port),
        **shared_double.environment(),
    }
    service = Service(env, folder)
    service.start()
    yield service
    service.stop()


@pytest.fixture
def service(engine: Engine, shared_service: Service) -> Service:
    """The running service on an emptied database."""
    return shared_service


@pytest.fixture
def double(shared_double: TwilioDouble, service: Service) -> Iterator[TwilioDouble]:
    """The double; a text that no test expected, or a request Twilio would refuse, fails the test."""
    shared_double.collect()
    shared_double.violations.clear()
    shared_double.permissive = False
    yield shared_double
    shared_double.heal()
    shared_double.verify()
    shared_double.permissive = True
