"""Group commit: each gets its own result, a fault reaches those who wait, and a store that hangs holds nobody."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from messaging.group import GroupCommit, Late
from tests.service import wait_until


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
        results = [pool.submit(group.submit, 0)]
        assert first.wait(10)
        results += [pool.submit(group.submit, number) for number in range(1, 20)]
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
        group.submit("bad")
    assert group.submit("good") == "good"


def test_a_store_that_hangs_holds_nobody_for_long() -> None:
    hangs, go = threading.Event(), threading.Event()

    def write(items: Sequence[int]) -> Sequence[int]:
        hangs.set()
        assert go.wait(20)
        return items

    group = GroupCommit(write, patience_s=0.2)
    with pytest.raises(Late):
        group.submit(1)
    assert hangs.is_set()
    for _ in range(100):  # all together they wait no longer than one would
        with pytest.raises(Late):
            group.submit(2)
    assert not group.waiting
    go.set()


def test_who_gave_up_is_not_written_later() -> None:
    go, written = threading.Event(), list[int]()

    def write(items: Sequence[int]) -> Sequence[int]:
        assert go.wait(20)
        written.extend(items)
        return items

    group = GroupCommit(write, patience_s=0.3)
    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(group.submit, number) for number in (1, 2)]
        for result in results:
            with pytest.raises(Late):
                result.result()
    go.set()
    wait_until(lambda: group.busy_since is None and not group.waiting, "it has come to an end")
    assert written in ([1], [1, 2])
    assert group.submit(3) == 3
