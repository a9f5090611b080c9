"""A case: a cover that shows no words, one logged look, then the page; its part that refreshes itself; the record."""

import uuid
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Answer

from base.errors import Refused
from bot.officer import LONGEST
from dashboard import case_rows, case_words
from dashboard.permissions import needs
from dashboard.web import audited, me, opened, site
from dashboard.words import _
from directory.needs import NEEDS
from messaging.segments import BASIC, EXTENDED, PLAIN
from oncall import looking
from oncall.models import Case
from oncall.wishes import OVERRIDES

blueprint = Blueprint("case", __name__)
PAGE = "case/page.html"


@blueprint.get("/c/<code>")
@needs("see a case")
def page(code: str) -> Answer | str | tuple[str, int]:
    """The case, when this person has it before them; else its cover."""
    with opened() as (session, now):
        case = looking.find(session, code, me())
        if case is None:
            return unknown()
        if case.code != code.partition("-")[0]:
            flash(_("%(code)s is one with this case.", code=code))
            return redirect(url_for("case.page", code=case.code), 303)
        if not looking.before(session, case, me(), now):
            told, template = case_rows.cover(session, case, me()), "case/cover.html"
        else:
            told, template = shown(session, case, now), PAGE
    return render_template(template, **told)


@blueprint.post("/c/<code>/open")
@needs("see a case")
def look(code: str) -> Answer | tuple[str, int]:
    """The button of the cover: the look is logged."""
    with opened() as (session, now):
        case = looking.find(session, code, me())
        if case is None:
            return unknown()
        looking.look(session, case, me(), now)
        audited(session, "case viewed", now, f"case:{case.id}")
        return redirect(url_for("case.page", code=looking.address(case)), 303)


@blueprint.get("/c/<code>/thread")
@needs("see a case", live=True)
def live(code: str) -> str | tuple[str, int]:
    """The part that the page asks for again and again. It counts as no act, and stops when the look is over."""
    with opened() as (session, now):
        case = looking.find(session, code, me())
        if case is None or not looking.before(session, case, me(), now, acts=False):
            return _("Look again"), 410
        told = case_rows.live(session, case, me(), now, site().settings, every=bool(request.args.get("earlier")))
    return render_template("case/live.html", words=case_words, **told)


@blueprint.post("/c/<code>/writing")
@needs("work on a case")
def writing(code: str) -> Response:
    """A letter was typed into the reply box: others see it for some seconds."""
    with opened() as (session, now):
        case = looking.find(session, code, me())
        if case is not None and looking.before(session, case, me(), now):
            looking.writes(session, case, me(), now)
    return Response(status=204)


@blueprint.get("/c/<code>/record")
@needs("see a case", proof=True)
def record(code: str) -> Answer | str | tuple[str, int]:
    """Everything on one page, for printing. It leaves the site, so it is for who has the case and for supervisors."""
    with opened() as (session, now):
        case = looking.find(session, code, me())
        if case is None:
            return unknown()
        if case.closed_at is None and not looking.works_on(case, me()):
            raise Refused("only who has the case, or a supervisor, prints its record")
        told = case_rows.whole(session, case, me(), now, site().settings, every=True)
        looking.look(session, case, me(), now)
        audited(session, "case record printed", now, f"case:{case.id}")
    return render_template("case/record.html", words=case_words, printed=now, **told)


def unknown() -> tuple[str, int]:
    """A code that no open case has, and a closed case that is not this person's: told alike."""
    return render_template("case/unknown.html"), 404


def shown(session: Session, case: Case, now: datetime, **more: Any) -> dict[str, Any]:
    """What the page (`PAGE`) is made of. `more`: what a form sent that was not done, or what was searched for. It is
    put together after the transaction."""
    told = case_rows.whole(session, case, me(), now, site().settings, every=bool(request.args.get("earlier")))
    given: dict[str, Any] = {"wrong": {}, "typed": {}, "found": None, "once": uuid.uuid4()}
    fixed = {"overrides": OVERRIDES, "longest": LONGEST, "gsm": gsm(), "words": case_words, "needs": NEEDS}
    return told | given | fixed | more


def gsm() -> dict[str, Any]:
    """The alphabet for the script that counts segments (messaging.segments)."""
    plain = {chr(letter): to for letter, to in PLAIN.items()}
    return {"basic": "".join(sorted(BASIC)), "extended": "".join(sorted(EXTENDED)), "plain": plain}
