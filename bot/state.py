"""What the bot remembers of a conversation between two messages. Stored encrypted, forgotten when idle."""

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from bot import details
from bot.reading import Reading

ABOUT_PERSON = frozenset("no_papers speaks_kreyol disability pregnant by_phone access free".split())
ABOUT_NEED = frozenset("child older now tonight woman man".split())


@dataclass(frozen=True)
class State:
    """`waiting` says what a number or a yes would answer: menu, menu_more, results, language, forget, safe, gentle, or
    a step of bot.steps (contact, when, word).

    `results` are service ids in the order they were numbered, from `first` on (6 when smaller numbers answer the
    questions asked of somebody in danger), `shown` how many were named so far, `detail` the service whose address was
    given last, with the numbers `told` (their ids). `point`: where a shared location was, to a hundred metres, until
    a place is named. `details`: who it is for and what else was said beside the need.
    `concern` is what the open question about safety is about; None once it is answered. `heard` are the concerns told
    of and `severity` the worst of them, `step` how many of the questions after it were asked; all three last until the
    phone was idle or the quick-exit word was used (`hidden`). `passed`: it was said that a person has the message.
    """

    language: str | None = None
    chosen: bool = False
    waiting: str = ""
    need: str | None = None
    place: str | None = None
    parish: str | None = None
    results: tuple[str, ...] = ()
    shown: int = 0
    first: int = 1
    detail: str | None = None
    unclear: int = 0
    concern: str | None = None
    heard: tuple[str, ...] = ()
    severity: str | None = None
    step: int = 0
    hidden: bool = False
    passed: bool = False
    known: bool = False
    at: str | None = None
    details: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    point: tuple[float, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For the database; only what differs from a fresh state."""
        return {name: value for name, fresh in _FRESH.items() if (value := getattr(self, name)) != fresh}


_FRESH = asdict(State())


def from_json(raw: dict[str, Any] | None) -> State:
    """The stored state. Names of an older or newer version are left out."""
    names = {field.name for field in fields(State)}
    values = {name: value for name, value in (raw or {}).items() if name in names}
    for name in ("results", "details", "heard", "told", "point"):
        values[name] = tuple(values.get(name, ()))
    return State(**values)


def recall(state: State, reading: Reading) -> Reading:
    """The reading with what was said before: about the person always, about a need until another need is named."""
    same_need = reading.need in (None, state.need)
    kept = {name for name in state.details if name in ABOUT_PERSON or (same_need and _of_need(name))}
    if details.age(reading.details) is not None:  # another one was said
        kept = {name for name in kept if not details.is_age(name)}
    return replace(reading, details=reading.details | kept)


def noted(reading: Reading) -> tuple[str, ...]:
    """What of a reading's details the state keeps."""
    return tuple(sorted(name for name in reading.details if name in ABOUT_PERSON or _of_need(name)))


def _of_need(name: str) -> bool:
    return name in ABOUT_NEED or details.is_age(name)


def idle(state: State, at: datetime, limit: timedelta) -> bool:
    """Whether nothing was said for longer than `limit`."""
    return state.at is not None and at - datetime.fromisoformat(state.at) > limit


def awake(state: State, at: datetime, limit: timedelta) -> State:
    """The state at a time: after `limit` without a word the menu, the results and the place are forgotten (a phone
    may be shared); the language is kept, and an open question about safety too (1 and 2 still answer it)."""
    if not idle(state, at, limit):
        return state
    kept = State(
        language=state.language, chosen=state.chosen, known=state.known, at=state.at, hidden=state.hidden,
        passed=state.passed,
    )  # fmt: skip
    return replace(kept, waiting="safe", concern=state.concern) if state.waiting == "safe" else kept
