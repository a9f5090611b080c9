"""Learning from people: what nobody understood, labelled by one member of staff and checked by another.

A label turns an unread message into a proposed example, stripped of names, numbers and addresses (bot.learning_strip).
Only examples that a second person approved are exported as Rasa data. Staff ids are whatever the table of staff uses,
taken as text. Every function works inside the caller's transaction.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from base.errors import InvalidInput, Refused
from bot.keywords import NEEDS
from bot.language import LANGUAGES
from bot.learning_models import LearningExample
from bot.learning_strip import strip
from bot.models import UnreadMessage
from messaging.models import InboundMessage

StaffId = int | str | uuid.UUID
CONCERNS = (
    "danger self_harm child_abuse domestic_violence sexual_violence trafficking vulnerable_adult discrimination sea"
).split()
PLAIN = (
    "greet thanks goodbye help human change_language about rights affirm deny more forget_me feedback_good "
    "feedback_bad other"
).split()
EXPORTED = "learned.yml"


@dataclass(frozen=True)
class Pending:
    """An example that waits for a second person. `words` are already stripped."""

    id: int
    words: str
    language: str
    label: str
    proposed_by: str
    proposed_at: datetime


def labels() -> list[str]:
    """Every label an example may have: find_<need>, disclose_<concern>, both with a plus, or a plain intent."""
    find, disclose = [f"find_{need}" for need in NEEDS], [f"disclose_{concern}" for concern in CONCERNS]
    return [*find, *disclose, *(f"{told}+{wanted}" for told in disclose for wanted in find), *PLAIN]


def label(
    session: Session,
    unread_id: int,
    staff_id: StaffId,
    *,
    label: str,
    language: str,
    at: datetime,
    words: str | None = None,
) -> LearningExample:
    """Label an unread message. `words`: the text as staff would have it; without, the message's own. Either is
    stripped. A second label of the same message replaces one that nobody has reviewed yet. The message stays in the
    queue: being labelled is not being answered.

    Refused when there is no such message, its words are erased, or the label is reviewed; InvalidInput when nothing
    is left of the words, or the label or language is unknown.
    """
    unread = session.get(UnreadMessage, unread_id)
    body = session.scalar(select(InboundMessage.body).where(InboundMessage.id == unread.inbound_id)) if unread else None
    if not body:
        raise Refused("there is no such unread message, or its words were erased")
    fresh = _example(staff_id, words or body, label, language, at)
    found = session.scalar(select(LearningExample).where(LearningExample.unread_id == unread_id).with_for_update())
    if found is None:
        fresh.unread_id = unread_id
        session.add(fresh)
        session.flush()
        return fresh
    if found.state != "proposed":
        raise Refused("a second person has already decided about this message")
    found.words, found.label, found.language = fresh.words, fresh.label, fresh.language
    found.proposed_by, found.proposed_at = fresh.proposed_by, at
    session.flush()
    return found


def propose(
    session: Session, staff_id: StaffId, *, words: str, label: str, language: str, at: datetime
) -> LearningExample:
    """An example that staff made up themselves. InvalidInput as for `label`."""
    example = _example(staff_id, words, label, language, at)
    session.add(example)
    session.flush()
    return example


def approve(session: Session, example_id: int, staff_id: StaffId, *, at: datetime) -> None:
    """The second person agrees: the example will teach. Refused for the one who proposed it, or once decided."""
    _decide(session, example_id, staff_id, "approved", at)


def reject(session: Session, example_id: int, staff_id: StaffId, *, at: datetime) -> None:
    """The second person does not agree. Refused as for `approve`."""
    _decide(session, example_id, staff_id, "rejected", at)


def pending(session: Session, limit: int = 100) -> list[Pending]:
    """The proposed examples, oldest first."""
    proposed = LearningExample.state == "proposed"
    rows = session.scalars(select(LearningExample).where(proposed).order_by(LearningExample.id).limit(limit))
    return [Pending(row.id, row.words, row.language, row.label, row.proposed_by, row.proposed_at) for row in rows]


def approved(session: Session) -> list[tuple[str, str, str]]:
    """(language, label, words) of every approved example, in a fixed order, each once."""
    rows = session.scalars(select(LearningExample).where(LearningExample.state == "approved"))
    return sorted({(row.language, row.label, row.words) for row in rows})


def export(examples: Sequence[tuple[str, str, str]], folder: Path) -> list[Path]:
    """Write examples as Rasa training data, `<language>/learned.yml`; gives the files. The same examples, the same
    files."""
    written = []
    for language in LANGUAGES:
        by_label: dict[str, list[str]] = {}
        for code, name, words in examples:
            if code == language:
                by_label.setdefault(name, []).append(words)
        if by_label:
            path = folder / language / EXPORTED
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_rasa(by_label), encoding="utf-8")
            written.append(path)
    return written


def _rasa(by_label: dict[str, list[str]]) -> str:
    blocks = [
        {"intent": name, "examples": "".join(f"- {_one_line(words)}\n" for words in listed)}
        for name, listed in by_label.items()
    ]
    return yaml.safe_dump({"version": "3.1", "nlu": blocks}, allow_unicode=True, sort_keys=False, width=1000)


def _one_line(words: str) -> str:
    """A line end would begin another example, or another label."""
    return " ".join(words.split())


def _example(staff_id: StaffId, words: str, name: str, language: str, at: datetime) -> LearningExample:
    if name not in labels():
        raise InvalidInput("this is not one of the labels")
    if language not in LANGUAGES:
        raise InvalidInput("this is not one of the languages")
    kept = strip(words)
    if not any(letter.isalpha() for letter in kept):
        raise InvalidInput("nothing is left once names, numbers and addresses are taken out")
    return LearningExample(words=kept, label=name, language=language, proposed_by=str(staff_id), proposed_at=at)


def _decide(session: Session, example_id: int, staff_id: StaffId, state: str, at: datetime) -> None:
    example = session.get(LearningExample, example_id, with_for_update=True)
    if example is None or example.state != "proposed":
        raise Refused("there is no such example, or it was decided already")
    if example.proposed_by == str(staff_id):
        raise Refused("a second person has to decide about an example")
    example.state, example.reviewed_by, example.reviewed_at = state, str(staff_id), at
    session.flush()
