"""One's own account: password, one-time code, passkeys, recovery codes, and where one is signed in."""

import uuid
from datetime import datetime

import segno
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask import session as browser
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Answer

from base import audit
from base.errors import Refused
from dashboard import calendar, guard
from dashboard.accounts import codes, passkeys, passwords, sessions
from dashboard.permissions import needs
from dashboard.web import address, as_uuid, audited, me, my_session, opened, passkey_site, site
from dashboard.words import _
from oncall import notices
from oncall.models import Staff

blueprint = Blueprint("me", __name__)


@blueprint.get("/me")
@needs("own account")
def page() -> str:
    with opened() as (session, now):
        return render_template(
            "me/page.html",
            known=passwords.of(session, me().id),
            keys=passkeys.of(session, me().id),
            places=sessions.open_of(session, me().id, now),
            here=my_session().id,
            left=codes.recovery_left(session, me().id),
            feed=address() + calendar.path(me()),
            bound=me().ministry_lookup is not None,
        )


def _noted(session: Session, action: str, now: datetime) -> None:
    """In the audit log, and a text to the owner: whoever did this may not be them."""
    notices.account_changed(session, me().id, now)
    audited(session, action, now, f"staff:{me().id}")


@blueprint.post("/me/calendar")
@needs("own account")
def calendar_new() -> Answer:
    """Another address for the calendar: the old one tells nothing any more."""
    with opened() as (session, now):
        session.get_one(Staff, me().id).calendar_number += 1
        audited(session, "calendar address changed", now, f"staff:{me().id}")
    flash(_("The calendar has another address now. Subscribe to it anew."))
    return redirect(url_for("me.page"), 303)


@blueprint.get("/me/second")
@needs("own account", proof=True)
def second() -> str:
    """A second proof is set up: until there is one, nothing else opens."""
    with opened() as (session, _):
        secret = codes.new_totp(session, me().id) if not passwords.of(session, me().id).totp_confirmed_at else None
    if secret is None:
        return render_template("me/second.html", secret=None)
    link = codes.address(secret, me().name, site().settings.config.service.name)
    picture = segno.make(link, error="m").svg_inline(scale=5, omitsize=True, svgclass="qr", lineclass=None)
    return render_template("me/second.html", secret=secret, picture=Markup(picture))  # noqa: S704 (made by segno)


@blueprint.post("/me/totp")
@needs("own account", proof=True)
def totp() -> Answer:
    """The first code of an authenticator app; then recovery codes are shown."""
    with opened() as (session, now):
        _may_add(session)
        fits = codes.confirm_totp(session, me().id, request.form.get("code", ""), now)
        if fits:
            _set_up(session, "totp")
            _noted(session, "one-time code set up", now)
    if not fits:
        flash(_("This code does not fit. Is the phone's clock right? Type the newest code."))
        return redirect(url_for("me.second"), 303)
    return guard.remember(redirect(url_for("me.recovery"), 303), me().id, now)


def _may_add(session: Session) -> None:
    """Who is in with a setup code adds the first second proof and no other: the owner may just have set one up."""
    known = passwords.of(session, me().id)  # locked: one after the other
    if my_session().how == "setup" and (known.totp_confirmed_at or passkeys.of(session, me().id)):
        raise Refused("a second proof is set up already: sign in with it")


def _set_up(session: Session, how: str) -> None:
    """There is a second proof now: this session has it, and the setup code is used up."""
    sessions.grown(session, my_session().id, how)
    codes.setup_done(session, me().id)


@blueprint.post("/me/totp/remove")
@needs("own account", proof=True)
def totp_remove() -> Answer:
    with opened() as (session, now):
        if not passkeys.of(session, me().id):
            raise Refused("set up a passkey first: without a second proof nothing opens")
        codes.remove_totp(session, me().id)
        _noted(session, "one-time code removed", now)
    return redirect(url_for("me.page"), 303)


@blueprint.get("/me/recovery")
@needs("own account")
def recovery() -> str:
    """Says what recovery codes are; fresh ones are made by a button."""
    with opened() as (session, _):
        return render_template("me/recovery.html", left=codes.recovery_left(session, me().id), fresh=None)


@blueprint.post("/me/recovery")
@needs("own account", proof=True)
def recovery_new() -> str:
    with opened() as (session, now):
        fresh = codes.new_recovery(session, me().id)
        _noted(session, "recovery codes made", now)
    return render_template("me/recovery.html", left=len(fresh), fresh=fresh)


@blueprint.post("/me/password")
@needs("own account", proof=True)
def password() -> Answer:
    with opened() as (session, now):
        chosen, who = request.form.get("password", ""), me()
        passwords.put(session, who.id, chosen, now, who.name, who.phone or "", who.email or "")
        sessions.end_all(session, me().id, "new password", now, but=my_session().id)
        _noted(session, "password changed", now)
    flash(_("The password is changed. Everywhere else you are signed out."))
    return redirect(url_for("me.page"), 303)


@blueprint.post("/me/passkeys/ask")
@needs("own account", proof=True)
def passkey_new() -> Response:
    with opened() as (session, now):
        step, question = passkeys.begin_register(session, me(), passkey_site(), now)
    browser["step"] = str(step)
    return Response(question, mimetype="application/json")


@blueprint.post("/me/passkeys")
@needs("own account", proof=True)
def passkey_add() -> Answer:
    with opened() as (session, now):
        step, answer = as_uuid(str(browser.get("step", ""))), passkeys.parsed(request.form.get("answer", ""))
        name = request.form.get("name", "") or my_session().device
        _may_add(session)
        passkeys.register(session, me(), step or uuid.UUID(int=0), answer, name, passkey_site(), now)
        _set_up(session, "passkey")
        _noted(session, "passkey added", now)
        left = codes.recovery_left(session, me().id)
    flash(_("The passkey is kept. Next time, sign in with it."))
    return guard.remember(redirect(url_for("me.page" if left else "me.recovery"), 303), me().id, now)


@blueprint.post("/me/passkeys/<uuid:passkey_id>/remove")
@needs("own account", proof=True)
def passkey_remove(passkey_id: uuid.UUID) -> Answer:
    with opened() as (session, now):
        if len(passkeys.of(session, me().id)) == 1 and not passwords.of(session, me().id).totp_confirmed_at:
            raise Refused("this is your only second proof; set up another one first")
        passkeys.remove(session, me().id, passkey_id)
        _noted(session, "passkey removed", now)
    return redirect(url_for("me.page"), 303)


@blueprint.post("/me/sessions/<uuid:session_id>/end")
@needs("own account")
def session_end(session_id: uuid.UUID) -> Answer:
    with opened() as (session, now):
        if session_id not in {one.id for one in sessions.open_of(session, me().id, now)}:
            raise Refused("there you are not signed in any more")
        sessions.end(session, session_id, "ended by its owner", now)
        audit.record(session, "session ended", now, actor=me().id, subject=f"session:{session_id}")
    answer = redirect(url_for("me.page"), 303)
    return guard.take_away(answer) if session_id == my_session().id else answer
