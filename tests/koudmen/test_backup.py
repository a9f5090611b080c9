"""A backup is whole, the drill finds one that is not or does not open, and a restore brings everything back."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from base.crypto import new_key_text
from base.db import transaction
from base.errors import Refused
from base.settings import Settings
from koudmen import backup
from koudmen.commands.backup import drill
from messaging import inbox, simulator
from messaging.models import InboundMessage
from tests.conftest import make_settings


@pytest.fixture
def url(settings: Settings, sessions: sessionmaker[Session]) -> str:
    with transaction(sessions) as session:
        for number in range(3):
            inbox.receive(session, simulator.parse_inbound("sms", "+17675550101", f"mwen bezwen èd {number}"))
    return settings.database_url or ""


def scratch_is_gone(url: str) -> bool:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (backup.DRILL,)).fetchone()
    return found is None


def test_a_drill_opens_what_was_backed_up(url: str, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "koudmen.dump"
    assert backup.dump(url, path) > 10_000
    assert path.stat().st_mode & 0o777 == 0o600
    assert drill(settings, url, path).startswith("good: 3 messages, ")
    assert scratch_is_gone(url)


def test_words_are_not_in_the_file(url: str, tmp_path: Path) -> None:
    path = tmp_path / "koudmen.dump"
    backup.dump(url, path)
    assert b"bezwen" not in path.read_bytes()


def test_a_backup_without_its_keys_is_found_out(url: str, tmp_path: Path) -> None:
    path = tmp_path / "koudmen.dump"
    backup.dump(url, path)
    other = make_settings(tmp_path, KOUDMEN_KEYS=new_key_text())
    with pytest.raises(Refused, match="does not open with these keys"):
        drill(other, url, path)
    assert scratch_is_gone(url)


def test_half_a_file_is_found_out(url: str, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "koudmen.dump"
    size = backup.dump(url, path)
    path.write_bytes(path.read_bytes()[: size // 2])
    with pytest.raises(Refused):
        drill(settings, url, path)
    assert scratch_is_gone(url)


def test_a_dump_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        backup.dump("postgresql://nobody:secret@127.0.0.1:1/none", tmp_path / "koudmen.dump")
    assert list(tmp_path.iterdir()) == []


def test_a_restore_brings_everything_back(url: str, engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "koudmen.dump"
    backup.dump(url, path)
    with backup.scratch(url) as there:
        backup.restore(there, path)
        backup.restore(there, path)  # over what is there already
        with psycopg.connect(there) as connection:
            found = connection.execute("SELECT id, body FROM inbound_message ORDER BY id").fetchall()
    with Session(engine) as session:
        assert [row[0] for row in found] == list(session.scalars(select(InboundMessage.id).order_by(InboundMessage.id)))
    assert all(row[1] for row in found)
