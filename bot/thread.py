"""A case's conversation as it went, for the person who has the case."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select, type_coerce
from sqlalchemy.orm import Session

from base.db import ReadableText
from base.harmless import harmless
from messaging.models import InboundMessage, OutboundMessage
from oncall import notes
from oncall.models import Case
from oncall.notes import Happened

AUTHORED = "reply"  # the event that says which officer wrote a message


@dataclass(frozen=True)
class Line:
    """One message, its words made harmless (base.harmless). `id` names it for a translation; `state`: what became of
    one of ours, as the carrier told last; `who`: the officer who wrote it; `gist`: its translation and whose."""

    at: datetime
    whose: Literal["them", "bot", "officer"]
    words: str
    state: str = ""
    id: str = ""
    conversation_id: uuid.UUID | None = None
    kind: str = "text"
    who: str = ""
    gist: str = ""
    gist_by: str = ""


def of_case(session: Session, case_id: uuid.UUID, *, newest: int | None = None) -> list[Line]:
    """Every message of the case's conversation and of those merged into it, the oldest first; with `newest`, only so
    many of the last ones. Looking is to be noted by the caller (oncall.looking)."""
    cases = (Case.id == case_id) | (Case.merged_into == case_id)
    mine = session.execute(select(Case.id, Case.conversation_id).where(cases)).all()
    talks = [talk for _, talk in mine]
    told = notes.history(session, [case for case, _ in mine], only=(AUTHORED, "translation"))
    written = {one.detail.get("message", ""): one for one in told if one.kind == AUTHORED}
    gists: dict[str, Happened] = {}
    for one in told:
        if one.kind == "translation":
            gists.setdefault(one.detail.get("message", ""), one)
    lines = [*_came(session, talks, newest, gists), *_went(session, talks, newest, gists, written)]
    lines.sort(key=lambda line: line.at)
    return lines[-newest:] if newest else lines


def _came(
    session: Session, talks: Sequence[uuid.UUID], newest: int | None, gists: Mapping[str, Happened]
) -> list[Line]:
    body = type_coerce(InboundMessage.body, ReadableText("inbound_message.body"))
    query = select(
        InboundMessage.id, InboundMessage.received_at, InboundMessage.conversation_id, InboundMessage.kind, body
    ).where(InboundMessage.conversation_id.in_(talks))
    rows = session.execute(query.order_by(InboundMessage.id.desc()).limit(newest))
    return [
        Line(
            at, "them", harmless(words or ("(erased)" if kind == "text" else f"({kind})")), id=f"in:{number}",
            conversation_id=talk, kind=kind, **_gist(gists.get(f"in:{number}")),
        )
        for number, at, talk, kind, words in rows
    ]  # fmt: skip


def _went(
    session: Session, talks: Sequence[uuid.UUID], newest: int | None, gists: Mapping[str, Happened],
    written: Mapping[str, Happened],
) -> list[Line]:  # fmt: skip
    sent, body = OutboundMessage, type_coerce(OutboundMessage.body, ReadableText("outbound_message.body"))
    query = select(
        sent.id, sent.created_at, sent.conversation_id, sent.inbound_id, sent.state, sent.delivery, body
    ).where(sent.conversation_id.in_(talks))
    rows = session.execute(query.order_by(sent.position.desc()).limit(newest))
    return [
        Line(
            at, "bot" if inbound else "officer", harmless(words or "(erased)"), delivery or state, f"out:{number}",
            talk, who=written[f"out:{number}"].who if f"out:{number}" in written else "",
            **_gist(gists.get(f"out:{number}")),
        )
        for number, at, talk, inbound, state, delivery, words in rows
    ]  # fmt: skip


def _gist(told: Happened | None) -> dict[str, str]:
    return {"gist": harmless(str(told.detail.get("note", ""))), "gist_by": told.who} if told else {}
