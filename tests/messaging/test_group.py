"""Group commit: each gets its own result, a fault reaches those who wait, and a store that hangs holds nobody."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from messaging.group import GroupCommit, Late
from tests.service import wait_until

Item = TypeVar("Item")
Result = TypeVar("Result")


def asked(group: GroupCommit[Item, Result], item: Item) -> Result:
    """From an event loop of this thread's own."""
    return asyncio.run(group.submit(item))


def test_each_gets_its_own_result_and_they_share_a_write() -> None:
    batches: list[int] = []
    first, go = threading.Event(), threading.Event()

    def write(items: Sequence[int]) -> Sequence[int]:
        batches.append(len(items))
        first.set()
        assert go.wait(10)
        return [item * 2 for item in items]

    group = GroupCommit(write)
    with ThreadPoolExecutor(20) as pool:
        results = [pool.submit(asked, group, 0)]
        assert first.wait(10)
        results += [pool.submit(asked, group, number) for number in range(1, 20)]
        wait_until(lambda: len(group.waiting) == 19, "all wait")
        go.set()
        assert [result.result() for result in results] == [number * 2 for number in range(20)]
    assert batches == [1, 19]


def test_a_fault_reaches_those_who_wait_and_the_next_go_on() -> None:
    def write(items: Sequence[str]) -> Sequence[str]:
        if "bad" in items:
            raise KeyError
        return items

    group = GroupCommit(write)
    with pytest.raises(KeyError):
        asked(group, "bad")
    assert asked(group, "good") == "good"


def test_a_store_that_hangs_holds_nobody_for_long() -> None:
    hangs, go = threading.Event(), threading.Event()

    def write(items: Sequence[int]) -> Sequence[int]:
        hangs.set()
        assert go.wait(20)
        return items

    group = GroupCommit(write, patience_s=0.2)
    with pytest.raises(Late):
        asked(group, 1)
    assert hangs.is_set()
    for _ in range(100):  # all together they wait no longer than one would
        with pytest.raises(Late):
            asked(group, 2)
    assert not group.waiting
    go.set()


def test_who_gave_up_is_not_written_later() -> None:
    begun, go, written = threading.Event(), threading.Event(), list[int]()

    def write(items: Sequence[int]) -> Sequence[int]:
        begun.set()
        assert go.wait(20)
        written.extend(items)
        return items

    group = GroupCommit(write, patience_s=0.5)
    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(asked, group, 1)]
        assert begun.wait(10)
        results.append(pool.submit(asked, group, 2))
        for result in results:
            with pytest.raises(Late):
                result.result()
    go.set()
    wait_until(lambda: group.busy_since is None and not group.waiting, "it has come to an end")
    assert written == [1]
    assert asked(group, 3) == 3
