"""The arithmetic of escalation: which clock ends when, and what comes next. No I/O; times come in and go out.

Source of the first figures: the project's study of escalation engines; each is a proposal for the ministry.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from base.settings import Escalation, OnCall
from oncall import hours

LEVELS = 4  # on call, backup, supervisor, everybody
SUPERVISORS, EVERYBODY = 3, 4
CLOSE_AGAIN = timedelta(days=1)  # a case that should be closed is told of once a day
Clock = Literal["page", "reply", "contact", "close", "news"]


@dataclass(frozen=True)
class Policy:
    """The rules of all severities, as they were when a case began."""

    office_hours: str
    nobody_again: timedelta
    rules: Mapping[str, Escalation]

    def as_json(self) -> dict[str, Any]:
        """For the case's column."""
        return {
            "office_hours": self.office_hours,
            "nobody_again": self.nobody_again.total_seconds(),
            "rules": [rule.model_dump(mode="json") for rule in self.rules.values()],
        }


def policy_of(config: OnCall) -> Policy:
    """The rules that hold now."""
    return Policy(config.office_hours, config.nobody_again, {one.severity: one for one in config.policies})


def policy_from(stored: Mapping[str, Any]) -> Policy:
    """A case's frozen rules."""
    rules = [Escalation.model_validate(rule) for rule in stored["rules"]]
    return Policy(stored["office_hours"], timedelta(seconds=stored["nobody_again"]), {r.severity: r for r in rules})


@dataclass(frozen=True)
class Rules:
    """One severity's rule with the office hours it counts by."""

    rule: Escalation
    office: hours.Week
    holidays: Container[date] = ()

    def in_hours(self, at: datetime) -> bool:
        return self.office.open_at(at, self.holidays)

    def _civil(self, at: datetime) -> datetime:
        """A clock of a severity that wakes nobody ends in office hours."""
        return self.office.next_open(at, self.holidays) if self.rule.only_office_hours else at

    def first_page(self, opened: datetime) -> datetime:
        """When level 1 is paged."""
        return self._civil(opened)

    def next_page(self, level: int, at: datetime) -> datetime:
        """When the level after `level` is paged, which was paged at `at`."""
        waits = self.rule.acknowledge if self.in_hours(at) else self.rule.acknowledge_off_hours
        return self._civil(at + waits[level - 1])

    def reply_due(self, acknowledged: datetime) -> datetime:
        """By when a person must have answered after taking the case."""
        wait = self.rule.reply if self.in_hours(acknowledged) else self.rule.reply_off_hours
        return self._civil(acknowledged + wait)

    def contact_due(self, contact: datetime) -> datetime:
        """By when a person must be in contact again."""
        return self._civil(contact + self.rule.contact)

    def close_due(self, opened: datetime) -> datetime:
        """By when it should be closed; told in office hours."""
        return self.office.next_open(opened + self.rule.close, self.holidays)

    def contact_again(self, at: datetime) -> datetime:
        """When a missed contact is told again."""
        return self._civil(at + self.rule.remind)

    def close_again(self, at: datetime) -> datetime:
        """When a case that should be closed is told of again."""
        return self.office.next_open(at + CLOSE_AGAIN, self.holidays)


def rules(policy: Policy, severity: str, holidays: Container[date] = ()) -> Rules:
    """What holds for a severity."""
    return Rules(policy.rules[severity], hours.week(policy.office_hours), holidays)


def after(level: int) -> int:
    """The level that follows; the last one follows itself."""
    return min(level + 1, LEVELS)


def climb(level: int, staffed: Callable[[int], bool]) -> tuple[int | None, tuple[int, ...]]:
    """The first level from `level` on that has somebody, and the empty ones passed on the way. None: nobody at all."""
    empty: list[int] = []
    for candidate in range(level, LEVELS + 1):
        if staffed(candidate):
            return candidate, tuple(empty)
        empty.append(candidate)
    return None, tuple(empty)


def first_due(clocks: Mapping[Clock, datetime | None], now: datetime) -> Clock | None:
    """The clock that ended first, if any has ended at `now`."""
    ended = {name: at for name, at in clocks.items() if at is not None and at <= now}
    return min(ended, key=ended.__getitem__, default=None)


def earlier(one: datetime | None, other: datetime) -> datetime:
    """The earlier of two times, one of which may be missing."""
    return other if one is None else min(one, other)
