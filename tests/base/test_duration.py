"""Durations as an operator writes them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.duration import parse


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("30 s", timedelta(seconds=30)),
        ("5 min", timedelta(minutes=5)),
        ("24 h", timedelta(hours=24)),
        ("30 d", timedelta(days=30)),
        ("800 ms", timedelta(milliseconds=800)),
        ("1.5 h", timedelta(minutes=90)),
        (" 0 s ", timedelta(0)),
        ("5min", timedelta(minutes=5)),
    ],
)
def test_is_read(text: str, meant: timedelta) -> None:
    assert parse(text) == meant


@pytest.mark.parametrize("text", ["", "5", "min", "-5 min", "5 m", "5 minutes", "5 min 3 s", "1,5 h", "inf s", "5 MIN"])
def test_anything_else_is_told_how_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match="a duration is written like '30 s', '5 min', '24 h' or '30 d'"):
        parse(text)


@given(st.integers(0, 10**6), st.sampled_from([("s", 1), ("min", 60), ("h", 3600), ("d", 86400)]))
def test_every_whole_number_of_a_unit(number: int, unit: tuple[str, int]) -> None:
    assert parse(f"{number} {unit[0]}").total_seconds() == number * unit[1]
