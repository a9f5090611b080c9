"""What a handler is given and what it gives back: the scene of one message, and the turn with its events."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bot.moves import Message, Move
from bot.phrases import say
from bot.reading import Reading
from bot.state import State
from directory.search import Found
from messaging.outbox import Lane
from oncall.cases import Disclosure


@dataclass(frozen=True)
class Facts:
    """What the settings say that a reply may contain."""

    name: str
    numbers: tuple[str, ...]
    hours: str
    default_language: str
    results: int
    max_segments: int
    ask_again: int
    idle: timedelta
    notice: bool
    exit_word: str
    answer_within: Mapping[str, timedelta] = field(default_factory=dict)


@dataclass(frozen=True)
class Disclosed:
    """Harm was told of: a case is opened or added to."""

    told: Disclosure


def told_by(reading: Reading) -> Disclosed | None:
    """What harm a reading tells of, if any."""
    if reading.concern is None:
        return None
    return Disclosed(Disclosure(reading.concern, reading.severity or "high", reading.why))


@dataclass(frozen=True)
class Worse:
    """The person says that they are not safe: the open case becomes this severe."""

    severity: str


@dataclass(frozen=True)
class Wish:
    """What a person wishes of us, in answer to a step of bot.steps: its name, a code of it, the version of the words
    that asked."""

    step: str
    answer: str
    wording: str


@dataclass(frozen=True)
class Hidden:
    """The quick-exit word: somebody may be reading over the shoulder."""


@dataclass(frozen=True)
class Unread:
    """A person must read this message."""

    reason: str


@dataclass(frozen=True)
class Wrong:
    """A texter says what we told of this service is wrong; `phone_id`: the number we told, when it was one."""

    service_id: str
    phone_id: str | None = None


@dataclass(frozen=True)
class Told:
    """The details of a service are sent, with these numbers (ids)."""

    service_id: uuid.UUID
    phone_ids: tuple[uuid.UUID, ...]


@dataclass(frozen=True)
class Wanted:
    """A search, for the reports."""

    need: str
    parish: str | None
    outcome: str
    place: str | None = None


@dataclass(frozen=True)
class Opted:
    """`out` or `in`."""

    action: str


@dataclass(frozen=True)
class Erase:
    """The person asked for their words to be erased."""


Event = Disclosed | Worse | Wish | Hidden | Unread | Wrong | Told | Wanted | Opted | Erase


@dataclass(frozen=True)
class Turn:
    """What one message leads to. `replies` are sent in order, in `lane`."""

    state: State
    replies: tuple[str, ...]
    events: tuple[Event, ...] = ()
    lane: Lane = Lane.REPLY


@dataclass(frozen=True)
class Scene:
    """All a handler looks at: the state with its language settled, and what was found for the move."""

    state: State
    message: Message
    reading: Reading
    move: Move
    found: Sequence[Found]
    facts: Facts

    def say(self, key: str, **values: str) -> str:
        """A phrase in the person's language."""
        joined = f" {say(self.state.language, 'or')} ".join(self.facts.numbers)
        known = {"numbers": joined, "name": self.facts.name, "hours": self.facts.hours, "exit": self.facts.exit_word}
        return say(self.state.language, key, **(known | values))

    def turn(self, *keys: str, **change: Any) -> Turn:
        """These phrases, with these changes of the state."""
        return Turn(replace(self.state, **change), tuple(self.say(key) for key in keys))
