"""Logs hold ids, counts and codes; what people typed cannot get into them, however it is tried."""

import subprocess
import sys

import orjson
import pytest

CANARY = "zwazo-kwabiyon +17675550142"
SCRIPT = """
import logging, sys, warnings
from base import log
log.setup("web", level="INFO")
logger = log.get("tests")
CANARY = sys.argv[1]

class Loud(Exception):
    pass

def fail():
    words = CANARY
    raise Loud(words)

def caught(use):
    try:
        fail()
    except Loud as error:
        use(error)

logger.info("listed", message_id=5, count=2)
logger.info("unlisted", message_id=6, body=CANARY, address=CANARY)
caught(lambda error: logger.error("raised", exc_info=error))
caught(lambda error: logger.error("raised", exc_info=True))
caught(lambda error: logger.error("raised", exc_info=(Loud, error, error.__traceback__)))
caught(lambda error: logger.exception("raised"))
logger.debug("not at this level")
library = logging.getLogger("some.library")
library.info("words: %s", CANARY)
library.warning("words: %s", CANARY)
library.warning("bad arguments %s %s", CANARY)
caught(lambda error: library.exception(CANARY))
"""


@pytest.fixture(scope="module")
def lines() -> list[dict[str, object]]:
    """What a process logs that is careless with words."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, CANARY], capture_output=True, check=True)
    assert done.stdout == b""
    text = done.stderr.decode()
    assert CANARY not in text
    assert "zwazo" not in text
    assert "5550142" not in text
    return [orjson.loads(line) for line in text.splitlines()]


def test_listed_fields_are_kept(lines: list[dict[str, object]]) -> None:
    line = next(line for line in lines if line["event"] == "listed")
    assert (line["message_id"], line["count"], line["level"], line["process"]) == (5, 2, "info", "web")
    assert line["module"] == "tests"
    assert str(line["timestamp"]).endswith("Z")


def test_unlisted_fields_are_dropped_and_their_names_told(lines: list[dict[str, object]]) -> None:
    line = next(line for line in lines if line["event"] == "unlisted")
    assert line["reason"] == "unlisted fields dropped: address body"
    assert not line.keys() & {"address", "body"}


def test_an_exception_is_told_by_type_and_place(lines: list[dict[str, object]]) -> None:
    raised = [line for line in lines if line["event"] == "raised"]
    assert len(raised) == 4
    assert {line["error_type"] for line in raised} == {"Loud"}
    assert all("<string>:" in str(line["where"]) for line in raised)


def test_a_library_s_warning_is_told_by_its_place(lines: list[dict[str, object]]) -> None:
    library = [line for line in lines if line["event"] == "library"]
    assert [line["level"] for line in library] == ["warning", "warning", "error"]
    assert library[-1]["error_type"] == "Loud"
    assert str(library[0]["logger"]).startswith("some.library:")


def test_below_the_level_nothing_is_written(lines: list[dict[str, object]]) -> None:
    assert "not at this level" not in [line["event"] for line in lines]
