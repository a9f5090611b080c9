"""A case's conversation as it went, for the person who has the case."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from messaging.models import InboundMessage, OutboundMessage
from oncall.models import Case


@dataclass(frozen=True)
class Line:
    """One message. `state`: what became of one of ours, as the carrier told last."""

    at: datetime
    whose: Literal["them", "bot", "officer"]
    words: str
    state: str = ""


def of_case(session: Session, case_id: uuid.UUID) -> list[Line]:
    """Every message of the case's conversation and of those merged into it, the oldest first. Looking is to be noted
    by the caller (oncall.cases.event, "viewed")."""
    cases = (Case.id == case_id) | (Case.merged_into == case_id)
    theirs = select(Case.conversation_id).where(cases, Case.conversation_id.is_not(None))
    came = select(InboundMessage).where(InboundMessage.conversation_id.in_(theirs))
    went = select(OutboundMessage).where(OutboundMessage.conversation_id.in_(theirs))
    lines = [Line(one.received_at, "them", one.body or f"({one.kind})") for one in session.scalars(came)]
    for sent in session.scalars(went):
        whose: Literal["bot", "officer"] = "bot" if sent.inbound_id else "officer"
        lines.append(Line(sent.created_at, whose, sent.body or "", sent.delivery or sent.state))
    return sorted(lines, key=lambda line: line.at)
