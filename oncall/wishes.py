"""What somebody who told of harm wishes: whether, how and when a person may be in contact, and the word agreed on.

Each answer is an event of the case and, for contact, a consent with the version of the words that asked. The newest
answer counts. Sources of the rules: docs/danger.md.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select, type_coerce, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from base.clock import DOMINICA
from base.db import ReadableJSON
from base.errors import InvalidInput
from oncall import consent
from oncall.cases import event, open_case
from oncall.models import Case, CaseEvent, Consent

HERE = timedelta(minutes=30)  # so long after their last message we may take it that the same person holds the phone
HOURS = {"morning": (6, 12), "afternoon": (12, 17), "evening": (17, 21)}  # Dominica's, as the question means them
OVERRIDES = ("child_in_danger", "imminent_harm", "legal_duty")
Writable = Literal["yes", "no", "hidden", "not_now"]


@dataclass(frozen=True)
class Wishes:
    """`contact`: text, call, no; `when`: any, morning, afternoon, evening, after_me; `word`: the one agreed on. None:
    not answered. `hidden_at`: the quick-exit word was used and no harm was told of since."""

    contact: str | None = None
    when: str | None = None
    word: str | None = None
    hidden_at: datetime | None = None


def record(
    session: Session, conversation_id: uuid.UUID, inbound_id: int, at: datetime,
    *, step: str, answer: str, wording: str, language: str | None,
) -> None:  # fmt: skip
    """Note an answer in the open case (none open: nothing to note). Idempotent on the inbound message."""
    case = open_case(session, conversation_id)
    detail = {"step": step, "answer": answer, "wording": wording}
    if case is None or not _note(session, case.id, "wish", inbound_id, at, detail) or step != "contact":
        return
    mine = (Consent.case_id == case.id, Consent.purpose == "contact", Consent.withdrawn_at.is_(None))
    session.execute(update(Consent).where(*mine).values(withdrawn_at=at))
    if answer != "no":
        session.add(
            Consent(
                case_id=case.id, purpose="contact", wording=wording, language=language, inbound_id=inbound_id,
                given_at=at,
            )
        )  # fmt: skip


STEPS = {"contact": ("text", "call", "no"), "when": ("any", *HOURS, "after_me"), "word": ()}
LONGEST_WORD = 30


def change(
    session: Session, case: Case, step: str, answer: str, now: datetime, *, staff_id: uuid.UUID
) -> None:  # fmt: skip
    """An officer notes what the person wishes by now. "No" to contact ends what was agreed to; agreeing to contact is
    a consent, which is recorded apart (oncall.consent), with the version of the words."""
    word = answer.strip()
    fits = word in STEPS[step] if STEPS.get(step) else step == "word" and 0 < len(word) <= LONGEST_WORD
    if not fits:
        raise InvalidInput("one of the answers, or a word of at most 30 letters")
    event(session, case, "wish", now, staff_id=staff_id, detail={"step": step, "answer": word})
    if (step, word) == ("contact", "no"):
        consent.withdraw(session, case.id, "contact", now, staff_id=staff_id)


def hidden(session: Session, conversation_id: uuid.UUID, inbound_id: int, at: datetime) -> None:
    """The quick-exit word was used: noted in the open case. Severity and clocks stay as they are."""
    case = open_case(session, conversation_id)
    if case:
        _note(session, case.id, "hidden", inbound_id, at, None)


def _note(
    session: Session, case_id: uuid.UUID, kind: str, inbound_id: int, at: datetime, detail: Mapping[str, str] | None
) -> bool:
    values = {"case_id": case_id, "kind": kind, "inbound_id": inbound_id, "at": at, "detail": detail}
    return session.execute(
        insert(CaseEvent).values(values).on_conflict_do_nothing().returning(CaseEvent.id)
    ).first() is not None  # fmt: skip


def of(session: Session, case_id: uuid.UUID) -> Wishes:
    """The newest answers in a case. One that is damaged counts as the wish for no contact."""
    detail = type_coerce(CaseEvent.detail, ReadableJSON("case_event.detail"))
    mine = (CaseEvent.case_id == case_id, CaseEvent.kind == "wish")
    told = [one for one in session.scalars(select(detail).where(*mine).order_by(CaseEvent.id)) if one]
    newest = {one["step"]: one["answer"] for one in told if "step" in one}
    if any("step" not in one for one in told):  # an answer that cannot be read may have been no
        newest["contact"] = "no"
    return Wishes(newest.get("contact"), newest.get("when"), newest.get("word"), _hidden_at(session, case_id))


def _hidden_at(session: Session, case_id: uuid.UUID) -> datetime | None:
    """When the quick-exit word was used last, if nothing was told since. By the order of the messages, for one may be
    read again later; the times of events are of two clocks, the message's and the database's."""
    kinds = CaseEvent.kind.in_(["hidden", "disclosed", "wish", "raised"])
    theirs = CaseEvent.inbound_id.is_not(None)  # what an officer notes does not end it
    asked = select(CaseEvent.kind, CaseEvent.at).where(CaseEvent.case_id == case_id, kinds, theirs)
    found = session.execute(asked.order_by(CaseEvent.inbound_id.desc(), CaseEvent.id.desc()).limit(1)).first()
    return found.at if found and found.kind == "hidden" else None


def may_write(wishes: Wishes, last_inbound_at: datetime | None, at: datetime) -> Writable:
    """Whether to write to this person now. Who is writing to us may be answered; else what they wished counts. Nothing
    wished: an answer in the thread they began is what they asked for."""
    if wishes.hidden_at:
        return "hidden"
    if last_inbound_at and at - last_inbound_at <= HERE:
        return "yes"
    if wishes.contact == "no":
        return "no"
    if wishes.when == "after_me":
        return "not_now"
    first, last = HOURS.get(wishes.when or "any", (0, 24))
    return "yes" if first <= at.astimezone(DOMINICA).hour < last else "not_now"
