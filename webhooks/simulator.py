"""The simulator: a phone in the browser. It writes to the same inbox and reads the same outbox as a carrier's."""

import re
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template, request, send_from_directory
from sqlalchemy import select
from sqlalchemy.orm import Session

from base.db import keys
from messaging import inbox, simulator
from messaging.models import Address, Conversation, InboundMessage, OutboundMessage
from messaging.outbox import WITHOUT_SEGMENTS
from messaging.segments import segments
from webhooks.context import context

blueprint = Blueprint("simulator", __name__, url_prefix="/simulator")
MODES = ("sms", "whatsapp")
NUMBER = re.compile(r"\+[0-9]{7,15}")


@blueprint.get("")
def phone() -> str:
    """The page."""
    here = context()
    return render_template("simulator.html", name=here.settings.config.service.name, numbers=NUMBERS)


# Reserved for fiction in the North American plan (555-0100 to 555-0199).
NUMBERS = [f"+17675550{last}" for last in range(101, 107)]


@blueprint.get("/static/<path:name>")
def asset(name: str) -> Response:
    return send_from_directory("static", name)


@blueprint.post("/messages")
def write() -> tuple[Response, int]:
    """The person presses send."""
    here, body = context(), request.get_json(silent=True)
    if not isinstance(body, dict):
        abort(415)
    mode, number, text = body.get("mode"), body.get("number"), body.get("text")
    if mode not in MODES or not isinstance(number, str) or not NUMBER.fullmatch(number) or not isinstance(text, str):
        abort(400)
    place = _place(body)
    message = simulator.parse_inbound(mode, number, _clean(text), kind="location" if place else "text", **place)
    with here.engine.begin() as connection:
        received = inbox.receive(connection, message)
    here.bell.ring("turn")
    return jsonify(id=received.message_id), 201


def _clean(text: str) -> str:
    """PostgreSQL keeps no NUL, and half a surrogate pair is no letter."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:4096]


def _place(body: dict[str, Any]) -> dict[str, float]:
    try:
        latitude, longitude = float(body["latitude"]), float(body["longitude"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return {}
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):  # "not a number" is no place either
        return {}
    return {"latitude": latitude, "longitude": longitude}


@blueprint.get("/messages")
def read() -> Response:
    """The thread of one simulated phone, oldest first. The number is in a header, since addresses stand in no URL."""
    here = context()
    mode, number = request.headers.get("X-Mode", ""), request.headers.get("X-Number", "")
    if mode not in MODES:
        abort(400)
    with here.sessions() as session:
        return jsonify(messages=thread(session, f"sim_{mode}", number))


def thread(session: Session, channel: str, number: str) -> list[dict[str, Any]]:
    """Both sides of a conversation, as the phone shows them."""
    lookup = keys().lookup(channel, number)
    conversation = session.scalar(
        select(Conversation.id)
        .join(Address, Address.id == Conversation.address_id)
        .where(Address.channel == channel, Address.lookup == lookup)
    )
    if conversation is None:
        return []
    mine = session.scalars(select(InboundMessage).where(InboundMessage.conversation_id == conversation)).all()
    theirs = session.scalars(
        select(OutboundMessage).where(
            OutboundMessage.conversation_id == conversation, OutboundMessage.state == "accepted"
        )
    ).all()
    shown = [_bubble(m.id, "me", m.body, m.received_at, channel, m.id, 0) for m in mine]
    shown += [_bubble(m.position, "them", m.body, m.created_at, channel, m.inbound_id or 0, m.seq + 1) for m in theirs]
    shown.sort(key=lambda bubble: (bubble["order"], bubble["at"]))
    return shown


def _bubble(number: int, side: str, body: str | None, at: Any, channel: str, order: int, place: int) -> dict[str, Any]:
    text = body if body is not None else ""
    return {
        "key": f"{side}{number}",
        "side": side,
        "text": text,
        "erased": body is None,
        "at": at.isoformat(),
        "order": order * 100 + place,
        "segments": None if channel in WITHOUT_SEGMENTS or side == "me" else segments(text),
    }
