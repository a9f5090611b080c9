"""The arithmetic of escalation, by properties."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from base.errors import ConfigError
from base.settings import ROOT, load_config
from directory.holidays import PublicHolidays
from oncall import clocks
from oncall.clocks import LEVELS, Clock

POLICY = clocks.policy_of(load_config(ROOT / "config.yml").oncall)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
SEVERITIES = st.sampled_from(["critical", "high", "standard"])


@given(MOMENTS, SEVERITIES, st.integers(1, LEVELS))
@settings(max_examples=200, deadline=None)
def test_every_clock_ends_later_than_it_began(at: datetime, severity: str, level: int) -> None:
    rules = clocks.rules(POLICY, severity, PublicHolidays())
    assert rules.first_page(at) >= at
    later = [rules.next_page(level, at), rules.reply_due(at), rules.contact_due(at), rules.close_due(at)]
    later += [rules.contact_again(at), rules.close_again(at)]
    assert all(one > at for one in later)


@given(MOMENTS)
@settings(max_examples=100, deadline=None)
def test_a_severity_that_wakes_nobody_ends_in_office_hours(at: datetime) -> None:
    rules = clocks.rules(POLICY, "standard", PublicHolidays())
    for due in (rules.first_page(at), rules.next_page(1, at), rules.reply_due(at), rules.contact_due(at)):
        assert rules.in_hours(due)


@given(MOMENTS)
@settings(max_examples=50, deadline=None)
def test_a_critical_case_never_waits_for_an_office(at: datetime) -> None:
    rules = clocks.rules(POLICY, "critical", PublicHolidays())
    assert rules.first_page(at) == at
    assert [rules.next_page(level, at) - at for level in range(1, 5)] == [timedelta(minutes=m) for m in (5, 5, 10, 15)]


@given(st.integers(1, LEVELS), st.sets(st.integers(1, LEVELS)))
def test_climbing_finds_the_first_level_with_somebody(level: int, staffed: set[int]) -> None:
    found, empty = clocks.climb(level, staffed.__contains__)
    above = sorted(one for one in staffed if one >= level)
    assert found == (above[0] if above else None)
    assert set(empty) == set(range(level, found or LEVELS + 1)) - staffed


def test_the_last_level_follows_itself() -> None:
    assert [clocks.after(level) for level in range(1, LEVELS + 1)] == [2, 3, 4, 4]


@given(st.dictionaries(st.sampled_from(["page", "reply", "contact", "close", "news"]), st.none() | MOMENTS), MOMENTS)
def test_what_ended_first_is_first(running: Mapping[Clock, datetime | None], now: datetime) -> None:
    found = clocks.first_due(running, now)
    ended = [at for at in running.values() if at and at <= now]
    assert (running[found] if found else None) == min(ended, default=None)


def test_a_policy_is_frozen_whole() -> None:
    assert clocks.policy_from(POLICY.as_json()) == POLICY


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"acknowledge": ["5 min", "5 min", "10 min"]}, "at least 4 items"),
        ({"reply": "0 s"}, "at least 10 s"),
        ({"acknowledge": ["5 min", "1 s", "10 min", "15 min"]}, "at least 10 s"),
        ({"severity": "high"}, "one policy for each"),
    ],
)
def test_a_policy_that_would_page_nobody_or_without_end_is_refused(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    config["oncall"]["policies"][0] |= change
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.raises(ConfigError, match=sentence):
        load_config(path)
