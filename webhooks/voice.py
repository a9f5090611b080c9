"""Twilio's webhooks of pages: the telephone call to an officer ("press 1 to take it"), and what became of a page.

The address names a page and nothing else; Twilio's signature shows that it is Twilio who asks. What is said in a call
holds a code and a colour, no word about a person.
"""

import uuid
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from base import log
from base.db import database_now
from bot.phrases import say
from bot.staff_words import Words
from oncall import answers, handling, pages, staff
from oncall.models import Page, Staff
from webhooks.context import Context, context
from webhooks.twilio import error_code, signed_form

blueprint = Blueprint("voice", __name__, url_prefix="/webhooks/twilio")
logger = log.get(__name__)
# Voices that Twilio's own speech has; Creole is spoken by the French one, which is nearer than the English.
VOICES = {"en": "en-US", "fr": "fr-FR", "ht": "fr-FR", "acf": "fr-FR", "es": "es-MX"}
KEY_S = 10


@blueprint.post("/voice")
def voice() -> Response:
    """The officer has picked up: say it, and ask for a key. With a key pressed: carry it out and say what became of
    it. The answer is TwiML."""
    here = context()
    params = dict(signed_form(here))
    with here.sessions() as session, session.begin():
        page = _page(session)
        who = session.get(Staff, page.staff_id) if page else None
        if page is None or who is None or page.channel != "voice":
            return _twiml("<Hangup/>")
        language = who.languages[0] if who.languages else "en"
        if "Digits" in params:
            key = _pressed(session, page, who, params["Digits"])
            return _twiml(_spoken(language, say(language, key)) + "<Hangup/>")
        return _twiml(_asked(here, page, who, language))


def _page(session: Session) -> Page | None:
    try:
        return session.get(Page, uuid.UUID(request.args.get("p", "")))
    except ValueError:
        return None


def _asked(here: Context, page: Page, who: Staff, language: str) -> str:
    words = Words(here.settings.config.service.name).call(pages.paging(page, who))
    again = f"{here.settings.public_base_url}/webhooks/twilio/voice?p={page.id}"
    gather = f'<Gather numDigits="1" timeout="{KEY_S}" action={quoteattr(again)} method="POST">'
    spoken = _spoken(language, words)
    return f'{gather}{spoken}<Pause length="1"/>{spoken}</Gather>{_spoken(language, say(language, "call_none"))}'


def _pressed(session: Session, page: Page, who: Staff, digits: str) -> str:
    """The phrase that says what became of the key."""
    verb = {"1": "A", "2": "P"}.get(digits[:1])
    if verb is None or page.case_id is None or not staff.reachable(who):
        return "call_none"
    now = database_now(session)
    if verb == "A":
        done = handling.acknowledge(session, page.case_id, who.id, now)
    else:
        done = handling.pass_on(session, page.case_id, who.id, now, round=page.round)
    answers.mark(session, who, page.code, verb, now)
    return {"taken": "call_taken", "yours": "call_taken", "passed": "call_passed"}.get(done.kind, "call_other")


def _spoken(language: str, words: str) -> str:
    return f'<Say language="{VOICES.get(language, "en-US")}">{escape(words)}</Say>'


def _twiml(inner: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>'
    return Response(body, mimetype="text/xml")


@blueprint.post("/page")
def page() -> Response:
    """What became of a page, text or call. Late, repeated and unknown reports change nothing."""
    here = context()
    params: Mapping[str, str] = dict(signed_form(here))
    state = params.get("MessageStatus") or params.get("SmsStatus") or params.get("CallStatus") or ""
    with here.sessions() as session, session.begin():
        found = _page(session)
        if found is not None:
            code = error_code(params.get("ErrorCode", ""))
            pages.report(session, found.id, state, database_now(session), code=code)
    return Response(status=204)
