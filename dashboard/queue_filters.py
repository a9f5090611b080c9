"""What of the queue somebody wants to see, as it stands in the address: it survives a reload and can be bookmarked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from bot.language import LANGUAGES

SEVERITIES = ("critical", "high", "standard")
STATES = ("new", "paged", "acknowledged", "engaged", "closing")
UNKNOWN = "unknown"  # a case whose language could not be told
SPOKEN = (*LANGUAGES, UNKNOWN)
DRILLS = ("hide", "only")


class Arguments(Protocol):
    """The arguments of an address; each may stand there several times."""

    def getlist(self, key: str) -> list[str]: ...


@dataclass(frozen=True)
class Filters:
    """Between groups all must hold, within a group one. `mine` and `unowned` are one group: mine and nobody's."""

    mine: bool = False
    unowned: bool = False
    late: bool = False
    severity: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    drills: str = ""

    @property
    def any(self) -> bool:
        """Whether something is left out."""
        return self != Filters()

    def query(self) -> str:
        """For an address, always in the same order."""
        flags = [(name, "1") for name in ("mine", "unowned", "late") if getattr(self, name)]
        lists = [(name, value) for name in ("severity", "language", "state") for value in getattr(self, name)]
        return urlencode([*flags, *lists, *([("drills", self.drills)] if self.drills else [])])


def read(arguments: Arguments) -> Filters:
    """The filters of an address; what is unknown counts for nothing."""
    return Filters(
        mine=_flag(arguments, "mine"),
        unowned=_flag(arguments, "unowned"),
        late=_flag(arguments, "late"),
        severity=_known(arguments.getlist("severity"), SEVERITIES),
        language=_known(arguments.getlist("language"), SPOKEN),
        state=_known(arguments.getlist("state"), STATES),
        drills=next(iter(_known(arguments.getlist("drills"), DRILLS)), ""),
    )


def _flag(arguments: Arguments, name: str) -> bool:
    return "1" in arguments.getlist(name)


def _known(given: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    wanted = set(given)
    return tuple(one for one in known if one in wanted)
