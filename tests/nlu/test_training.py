"""Learning in several processes: the same model as in one, also when the system ends a process for want of memory."""

import json

import pytest

from tests.nlu.environment import run

FIT = """
import json, os
from components import processes
from components.reader import Example, Options, Reader

WANTED = {"food": ["rice", "bread", "meal", "milk"], "work": ["job", "wages", "boss", "pay"]}
HARM = ["beats", "hits", "hurts", "burns"]
examples = [
    Example(f"{who} {thing} {when}", "en", label)
    for who in ("i want", "we look for", "my mother asks for") for when in ("today", "tonight", "here", "please")
    for label, things in [(f"find_{need}", things) for need, things in WANTED.items()] for thing in things
]
examples += [
    Example(f"he {verb} {whom} {when}", "en", "disclose_domestic_violence")
    for verb in HARM for whom in ("her", "me", "my aunt") for when in ("today", "every night", "again", "now")
]

def told():
    reader = Reader.fit(examples, Options())
    return [reader.read(text, "en") for text in ("i want rice", "he hits my aunt today", "a job with the boss")]
"""


@pytest.fixture(scope="module")
def alone() -> str:
    """What a model says that was learnt in one process."""
    return run(FIT + "os.sched_getaffinity = lambda _: {0}\nprint(json.dumps(told()))")


def test_what_is_learnt_side_by_side_is_the_same(alone: str) -> None:
    assert run(FIT + "os.sched_getaffinity = lambda _: {0, 1, 2}\nprint(json.dumps(told()))") == alone
    first, second, third = json.loads(alone)
    assert (first["need"]["name"], second["concern"]["name"], third["need"]["name"]) == (
        "food",
        "domestic_violence",
        "work",
    )


def test_a_process_that_is_killed_costs_time_and_nothing_else(alone: str) -> None:
    killed = run(
        FIT
        + """
os.sched_getaffinity = lambda _: {0, 1}
own, parent = processes._do, os.getpid()
def dies(number):
    if number == 1:
        os.kill(os.getpid(), 9)
    return own(number)
processes._do = dies
print(json.dumps(told()))
"""
    )
    assert killed == alone


def test_a_mistake_in_the_data_is_told_and_not_tried_again() -> None:
    told = run(
        FIT
        + """
os.sched_getaffinity = lambda _: {0, 1}
try:
    Reader.fit([Example("rice", "en", "find_food")] * 9, Options())
except ValueError as error:
    print(error)
"""
    )
    assert told == "a head needs at least two different answers\n"
