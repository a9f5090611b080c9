"""What the bot did not understand: a person reads it, answers it, opens a case where it tells of harm, and may say what
it meant, so that the model learns; a second person decides about that."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Answer

from base.errors import InvalidInput, KoudmenError
from base.settings import LANGUAGES
from bot import learning, unread
from bot.keywords import NEEDS
from bot.reading import glance
from bot.reading import read as understand
from dashboard.permissions import needs
from dashboard.web import audited, me, opened, site
from dashboard.words import _
from messaging.segments import segments
from oncall.cases import SEVERITIES
from oncall.models import Staff

blueprint = Blueprint("unread", __name__)


@blueprint.get("/unread")
@needs("read what was not understood")
def page() -> str:
    """Those that wait, without their words."""
    with opened() as (session, now):
        return render_template(
            "unread/page.html", waiting=unread.waiting(session), at=now, examples=len(learning.pending(session))
        )


@blueprint.get("/unread/<int:unread_id>")
@needs("read what was not understood")
def one(unread_id: int) -> str:
    return _one(unread_id)


def _one(unread_id: int, wrong: str = "") -> str:
    """The message itself, with what the bot made of it. The look is noted."""
    with opened() as (session, now):
        found = unread.look(session, unread_id, now, site().settings)
        if found is None:
            abort(404)
        seen = glance(found.words, found.waiting.language)
        reading = understand(seen, None, site().settings.config.understanding)
        shown = render_template(
            "unread/one.html", found=found, at=now, wrong=wrong, alone=reading.as_json(), needs=NEEDS,
            concerns=learning.CONCERNS, plain=learning.PLAIN, severities=SEVERITIES, languages=LANGUAGES,
            typed=request.form, segments=segments,
        )  # fmt: skip
        audited(session, "unread message viewed", now, f"unread:{unread_id}")
    return shown


def _did(done: str) -> Answer:
    flash(done)
    return redirect(url_for("unread.page"), 303)


@blueprint.post("/unread/<int:unread_id>/answer")
@needs("read what was not understood")
def answer(unread_id: int) -> Answer | tuple[str, int]:
    try:
        with opened() as (session, now):
            unread.answer(session, unread_id, me().id, request.form.get("words", ""), now, site().settings)
            audited(session, "unread message answered", now, f"unread:{unread_id}")
    except KoudmenError as error:
        return _again(unread_id, error)
    site().bell.ring("send")
    return _did(_("Your answer is on its way."))


@blueprint.post("/unread/<int:unread_id>/close")
@needs("read what was not understood")
def close(unread_id: int) -> Answer | tuple[str, int]:
    try:
        with opened() as (session, now):
            unread.close(session, unread_id, me().id, now)
            audited(session, "unread message closed", now, f"unread:{unread_id}")
    except KoudmenError as error:
        return _again(unread_id, error)
    return _did(_("Nothing is answered, and it is off the list."))


@blueprint.post("/unread/<int:unread_id>/case")
@needs("work on a case")
def case(unread_id: int) -> Answer | tuple[str, int]:
    """It tells of harm: a case is opened and somebody is paged."""
    concern, severity = request.form.get("concern", ""), request.form.get("severity", "")
    try:
        if concern not in learning.CONCERNS:
            raise InvalidInput(_("say what it tells of"))
        with opened() as (session, now):
            made = unread.disclose(session, unread_id, me().id, concern, severity, now)
            code = made.code
            audited(session, "case opened by staff", now, f"case:{made.id}")
    except KoudmenError as error:
        return _again(unread_id, error)
    site().bell.ring("protect")
    return _did(_("Case %(code)s is open, and the one on call is paged.", code=code))


@blueprint.post("/unread/<int:unread_id>/label")
@needs("read what was not understood")
def label(unread_id: int) -> Answer | tuple[str, int]:
    """What it meant. A second person decides whether the model learns it."""
    try:
        with opened() as (session, now):
            made = learning.label(
                session, unread_id, me().id, label=_label(), language=request.form.get("language", ""), at=now,
                words=request.form.get("words") or None,
            )  # fmt: skip
            audited(session, "example proposed", now, f"example:{made.id}")
    except KoudmenError as error:
        return _again(unread_id, error)
    flash(_("Kept as an example. A second person decides about it."))
    return redirect(url_for("unread.one", unread_id=unread_id), 303)


def _label() -> str:
    """The three choices of the form as one label."""
    concern, need, plain = (request.form.get(name, "") for name in ("concern", "need", "plain"))
    if plain and not (concern or need):
        return plain
    parts = [f"disclose_{concern}" if concern else "", f"find_{need}" if need else ""]
    if plain or not any(parts):
        raise InvalidInput(_("choose what it tells of, what is needed, or one of the others"))
    return "+".join(part for part in parts if part)


def _again(unread_id: int, error: KoudmenError) -> tuple[str, int]:
    return _one(unread_id, f"{error}."), 400 if isinstance(error, InvalidInput) else 409


@blueprint.get("/unread/examples")
@needs("read what was not understood")
def examples() -> str:
    """Proposed examples, for the second person."""
    with opened() as (session, now):
        pending = learning.pending(session)
        if pending:
            ids = ",".join(str(one.id) for one in pending)
            audited(session, "examples viewed", now, "examples", ids=ids)
        return render_template("unread/examples.html", pending=pending, mine=str(me().id), names=_names(session))


def _names(session: Session) -> dict[str, str]:
    return {str(one.id): one.name for one in session.scalars(select(Staff))}


@blueprint.post("/unread/examples/<int:example_id>/approve")
@needs("read what was not understood")
def approve(example_id: int) -> Answer:
    with opened() as (session, now):
        learning.approve(session, example_id, me().id, at=now)
        audited(session, "example approved", now, f"example:{example_id}")
    return redirect(url_for("unread.examples"), 303)


@blueprint.post("/unread/examples/<int:example_id>/reject")
@needs("read what was not understood")
def reject(example_id: int) -> Answer:
    with opened() as (session, now):
        learning.reject(session, example_id, me().id, at=now)
        audited(session, "example rejected", now, f"example:{example_id}")
    return redirect(url_for("unread.examples"), 303)
