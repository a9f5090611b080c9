"""Carries out what a turn says happened, inside the turn's transaction."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from base import log
from base.clock import DOMINICA
from base.db import database_now
from base.errors import InvalidInput
from bot.models import Demand, UnreadMessage
from bot.scene import Disclosed, Erase, Event, Hidden, Opted, Told, Unread, Wanted, Wish, Worse, Wrong
from directory import checks, given, places
from messaging import optout
from messaging.models import Address, Conversation, InboundMessage, OutboundMessage
from oncall import cases, checklist, wishes
from oncall.models import Case, CaseEvent

logger = log.get(__name__)


@dataclass(frozen=True)
class Place:
    """Where the effects happen: the locked conversation, its address, the message, and the case that was open.

    `sought`: it was looked for when the conversation was locked, so None means that there is none."""

    session: Session
    conversation: Conversation
    address: Address
    message: InboundMessage
    case: Case | None = None
    sought: bool = False


def carry_out(place: Place, language: str, events: Iterable[Event]) -> None:
    """Write every event. A further message of somebody with an open case is noted in the case too."""
    told = False
    for event in events:
        told = _one(place, language, event, known=place.sought and place.case is None and not told) or told
    if place.case and not told:
        cases.add_message(place.session, place.case, place.message.id)


def _one(place: Place, language: str, event: Event, *, known: bool) -> bool:
    """True when the event wrote to the case. `known`: there is no open case."""
    match event:
        case Disclosed(told):
            case = cases.disclose(
                place.session, place.conversation.id, place.message.id, told,
                language=language, now=_now(place.session), known=known,
            )  # fmt: skip
            checklist.attach(place.session, case, place.message.received_at)
            logger.info("disclosure", case_id=str(case.id), message_id=place.message.id, severity=case.severity)
            return True
        case Worse(severity):
            found = cases.raise_severity(place.session, place.conversation.id, place.message.id, severity)
            if found:
                checklist.attach(place.session, found, place.message.received_at)
            return found is not None
        case Wish():
            wishes.record(
                place.session, place.conversation.id, place.message.id, place.message.received_at,
                step=event.step, answer=event.answer, wording=event.wording, language=language,
            )  # fmt: skip
        case Hidden():
            wishes.hidden(place.session, place.conversation.id, place.message.id, place.message.received_at)
        case Unread(reason):
            unread(place.session, place.message, reason)
        case Wrong():
            _wrong(place, event)
        case Told(told_service, phone_ids):
            day = place.message.received_at.astimezone(DOMINICA).date()
            given.record(place.session, told_service, phone_ids, on=day)
        case Wanted():
            _demand(place, language, event)
        case Opted(action):
            optout.record(place.session, place.address, "out" if action == "out" else "in", "asked")
        case Erase():
            erase(place.session, place.conversation)
    return False


def _now(session: Session) -> datetime:
    """The database's clock, asked once for the cases of a transaction."""
    asked: tuple[object, datetime] | None = session.info.get("now")
    if asked is None or asked[0] is not session.get_transaction():
        at = database_now(session)
        asked = session.info["now"] = session.get_transaction(), at
    return asked[1]


def _wrong(place: Place, event: Wrong) -> None:
    phone = uuid.UUID(event.phone_id) if event.phone_id else None
    try:
        checks.report_wrong(place.session, uuid.UUID(event.service_id), at=place.message.received_at, phone_id=phone)
    except InvalidInput:  # taken out of the directory since it was told
        unread(place.session, place.message, "wrong")


def unread(session: Session, message: InboundMessage, reason: str) -> None:
    """Put a message in front of a person, once."""
    values = {"inbound_id": message.id, "conversation_id": message.conversation_id, "reason": reason}
    session.execute(insert(UnreadMessage).values(values).on_conflict_do_nothing())


def _demand(place: Place, language: str, wanted: Wanted) -> None:
    day = place.message.received_at.astimezone(DOMINICA).date()
    channel = place.address.channel
    session, known = place.session, places.place_named(wanted.place) if wanted.place else None
    session.add(
        Demand(
            day=day, need=wanted.need, parish=wanted.parish, district=known.district if known else None,
            language=language, channel=channel, outcome=wanted.outcome,
        )
    )  # fmt: skip


def erase(session: Session, conversation: Conversation) -> None:
    """Erase the words of a conversation, in and out. What belongs to a case is kept, as long as cases are."""
    in_case = (
        select(CaseEvent.inbound_id)
        .join(Case, Case.id == CaseEvent.case_id)
        .where(Case.conversation_id == conversation.id, CaseEvent.inbound_id.is_not(None))
    )
    session.flush()  # what this turn wrote of the case
    without_case = ~exists().where(Case.conversation_id == conversation.id)
    to_nobody = and_(OutboundMessage.inbound_id.is_(None), without_case)  # staff wrote it, not the bot
    for statement in (
        update(InboundMessage)
        .where(InboundMessage.conversation_id == conversation.id, InboundMessage.handled_at.is_not(None))
        .where(InboundMessage.id.not_in(in_case))
        .values(body=None, extra=None, reading=None),
        update(OutboundMessage)
        .where(OutboundMessage.conversation_id == conversation.id)
        .where(OutboundMessage.state.in_(["accepted", "failed", "held", "dropped"]))
        .where(or_(OutboundMessage.inbound_id.not_in(in_case), to_nobody))
        .values(body=None),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
