"""Every queue is worked, and every command and job is there."""

from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import get_args

import koudmen.jobs
from base.settings import load_settings
from koudmen import processes
from koudmen.cli import COMMANDS
from messaging.bell import Work
from tests.meta.sources import texts
from tests.service import COMMANDS as TEST_COMMANDS

QUEUES = set(get_args(Work))


def worked(commands: list[list[str]]) -> set[str]:
    """The queues of all `worker` commands."""
    named = [words[words.index("worker") + 1 :] for words in commands if "worker" in words]
    return {queue for words in named for queue in takewhile(lambda word: not word.startswith("-"), words)}


def test_every_queue_has_a_worker() -> None:
    assert worked([list(process.argv) for process in processes.workers({})]) == QUEUES


def test_so_it_has_in_the_tests() -> None:
    assert worked([list(words) for words in TEST_COMMANDS.values()]) == QUEUES


def test_every_queue_has_its_job() -> None:
    for queue in QUEUES:
        assert callable(getattr(koudmen.jobs, queue))


def test_somebody_sweeps() -> None:
    assert any("sweeper" in process.argv for process in processes.workers({}))


def test_every_command_is_there() -> None:
    for module, what in COMMANDS.values():
        assert callable(import_module(module).main)
        assert what
    for process in processes.workers({}):
        assert process.argv[3] in COMMANDS


def test_the_staff_application_is_given_no_key_of_twilio_or_rasa(tmp_path: Path) -> None:
    settings = load_settings({"KOUDMEN_HOME": str(tmp_path)})
    env = {"TWILIO_AUTH_TOKEN": "x", "RASA_TOKEN": "y", "DATABASE_URL": "z"}
    web, staff = processes.applications(settings, env)
    assert dict(staff.env or {}) == {"DATABASE_URL": "z"}
    assert dict(web.env or {}) == env


def test_rasa_is_given_none_of_our_secrets(tmp_path: Path) -> None:
    rasa = processes.rasa(tmp_path, {"RASA_URL": "http://127.0.0.1:1", "RASA_TOKEN": "t"})
    told = {name for name in rasa.env or {} if name.startswith(("TWILIO_", "KOUDMEN_", "DATABASE_", "REDIS_"))}
    assert told <= {"KOUDMEN_RUN"}


def test_nothing_rings_for_a_queue_that_is_not_listed() -> None:
    rung = {
        part.split('"')[1]
        for name, text in texts(".py").items()
        if not name.startswith("tests/")
        for part in text.split("bell.ring(")[1:]
        if part.startswith('"')
    }
    assert rung == QUEUES & rung
    assert rung
