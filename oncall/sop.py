"""Procedures as data: `oncall/sops/*.yml`, one file per concern, edited by the ministry, each version dated.

A file says which concern it is for, its version (a date), its sources and who approved it, and its steps in order:
who does what, within what time from the case's beginning, and what counts as done. `koudmen sops check` reads them all.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from base.duration import Duration
from base.errors import ConfigError
from base.settings import Frozen, OptionalDate

FOLDER = Path(__file__).parent / "sops"
CONCERNS = (
    "danger self_harm child_abuse domestic_violence sexual_violence trafficking vulnerable_adult discrimination sea"
).split()
SEVERITIES = ("critical", "high", "standard")


class Step(Frozen):
    """`within`: from the case's beginning, one time for all severities or one for each."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")
    who: Literal["officer", "supervisor"]
    what: str = Field(min_length=10, max_length=400)
    within: Duration | dict[Literal["critical", "high", "standard"], Duration]
    done_when: str = Field(min_length=10, max_length=300)

    @field_validator("within", mode="before")
    @classmethod
    def _with_a_unit(cls, value: Any) -> Any:
        """A bare number would be taken for seconds."""
        for one in value.values() if isinstance(value, dict) else [value]:
            if not isinstance(one, str | timedelta):
                raise ValueError("a time is written like '30 min', '4 h' or '3 d'")
        return value

    def due(self, severity: str) -> timedelta:
        """From the case's beginning to when it must be done."""
        if isinstance(self.within, timedelta):
            return self.within
        return dict(self.within)[severity]  # type: ignore[index]


class Sop(Frozen):
    """The procedure of one concern."""

    concern: str
    version: date
    title: str = Field(min_length=3, max_length=120)
    approved_by: str = ""
    approved_on: OptionalDate = None
    sources: tuple[str, ...] = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)


@cache
def sops() -> dict[str, Sop]:
    """Every concern's procedure. ConfigError with the first fault when the files are not right."""
    faults = list(check(FOLDER))
    if faults:
        raise ConfigError(faults[0])
    return {one.concern: one for one in (_read(path) for path in sorted(FOLDER.glob("*.yml")))}


def check(folder: Path) -> Iterator[str]:
    """One sentence for each fault, naming file and place; nothing when all is well."""
    seen: set[str] = set()
    for path in sorted(folder.glob("*.yml")):
        try:
            sop = _read(path)
        except ConfigError as error:
            yield str(error)
            seen.add(path.stem)
            continue
        yield from (f"{path.name}: {fault}" for fault in _faults(sop, path))
        seen.add(sop.concern)
    yield from (
        f"{concern}.yml is missing: no procedure for this concern" for concern in CONCERNS if concern not in seen
    )


def _read(path: Path) -> Sop:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Sop.model_validate(raw)
    except UnicodeDecodeError:
        raise ConfigError(f"{path.name}: not a text in UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError(f"{path.name}: not valid YAML, line {mark.line + 1 if mark else '?'}") from None
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in fault["loc"]) or "the whole"
        raise ConfigError(f"{path.name}: {place}: {fault['msg']}") from None


def _faults(sop: Sop, path: Path) -> Iterator[str]:
    if sop.concern not in CONCERNS:
        yield f"concern '{sop.concern}' is none of {', '.join(CONCERNS)}"
    elif sop.concern != path.stem:
        yield f"is for '{sop.concern}', so it must be named {sop.concern}.yml"
    if bool(sop.approved_by.strip()) != bool(sop.approved_on):
        yield "approved_by and approved_on are filled in together"
    keys = [step.key for step in sop.steps]
    yield from (f"step '{key}' stands there twice" for key in sorted({key for key in keys if keys.count(key) > 1}))
    for step in sop.steps:
        if isinstance(step.within, dict) and set(step.within) != set(SEVERITIES):
            yield f"step '{step.key}': within needs a time for each of {', '.join(SEVERITIES)}"
        elif any(step.due(severity) <= timedelta(0) for severity in SEVERITIES):
            yield f"step '{step.key}': within is more than no time at all"
    yield from _out_of_order(sop.steps)


def _out_of_order(steps: Sequence[Step]) -> Iterator[str]:
    """Steps are written in the order in which they are due."""
    whole = [step for step in steps if not isinstance(step.within, dict) or set(step.within) == set(SEVERITIES)]
    for before, after in pairwise(whole):
        if any(after.due(severity) < before.due(severity) for severity in SEVERITIES):
            yield f"step '{after.key}' is due before '{before.key}', which stands above it"
