"""Accounts of staff, for administrators: who may what, by which phone and address they are known, and the end of an
account. Each act is in the audit log; what changes somebody's rights ends where they are signed in."""

import uuid
from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Answer

from base.errors import KoudmenError
from base.settings import LANGUAGES
from dashboard import accounts
from dashboard.models import Credential, Passkey
from dashboard.permissions import needs
from dashboard.typed import told
from dashboard.web import audited, me, my_session, opened
from dashboard.words import _
from oncall import handling, notices, staff
from oncall.models import Staff
from oncall.models.staff import ROLES

blueprint = Blueprint("staffing", __name__)
WAYS = ("sms", "whatsapp")


@blueprint.get("/accounts")
@needs("change accounts")
def page() -> str:
    """Everybody, those in use first; ended accounts when asked for."""
    ended = request.args.get("ended") == "1"
    with opened() as (session, _now):
        found = [one for one in session.scalars(select(Staff)) if ended == bool(one.disabled_at)]
        rows = sorted(found, key=lambda one: one.name.lower())
        return render_template("accounts/page.html", rows=rows, ended=ended, proofs=_proofs(session))


def _proofs(session: Session) -> dict[uuid.UUID, str]:
    """By what people sign in, in words."""
    with_code = set(session.scalars(select(Credential.staff_id).where(Credential.totp_confirmed_at.is_not(None))))
    with_key = set(session.scalars(select(Passkey.staff_id)))
    bound = set(session.scalars(select(Staff.id).where(Staff.ministry_lookup.is_not(None))))
    ways = ((_("app"), with_code), (_("passkey"), with_key), (_("the ministry's account"), bound))
    return {one: ", ".join(name for name, of in ways if one in of) for one in with_code | with_key | bound}


@blueprint.get("/accounts/new")
@needs("change accounts", proof=True)
def new() -> str:
    return _new_form()


def _new_form(wrong: str = "") -> str:
    return render_template(
        "accounts/new.html", filled=request.form, wrong=wrong, roles=ROLES, languages=LANGUAGES, ways=WAYS
    )


@blueprint.post("/accounts/new")
@needs("change accounts", proof=True)
def add() -> str | tuple[str, int]:
    """A new account; its setup code is shown once, to be handed over in person."""
    form = request.form
    try:
        with opened() as (session, now):
            who = staff.add(
                session, form.get("name", "")[:100], form.getlist("role"), now,
                phone=form.get("phone", "")[:40] or None, by=me().id,
            )  # fmt: skip
            staff.change_email(session, who.id, form.get("email", ""))
            staff.change_work(session, who.id, *_work(), by=me().id)
            code = accounts.codes.new_setup(session, who.id, now)
            _ask_others(session, who, now)
            audited(session, "account made", now, f"staff:{who.id}", roles=who.roles, asked=who.roles_asked or [])
    except KoudmenError as error:
        return _new_form(told(error)), 400
    return render_template("accounts/code.html", who=who, code=code, fresh=True)


def _work() -> tuple[list[str], list[str], list[str]]:
    form = request.form
    first = form.get("page_by", "sms")
    ways = [first, *(way for way in WAYS if way != first and form.get("other_way"))]
    return form.getlist("role"), form.getlist("language"), ways


@blueprint.get("/accounts/<uuid:staff_id>")
@needs("change accounts", proof=True)
def one(staff_id: uuid.UUID) -> str:
    return _one(staff_id)


def _one(staff_id: uuid.UUID, wrong: str = "") -> str:
    with opened() as (session, now):
        who = session.get(Staff, staff_id)
        if who is None:
            abort(404)
        return render_template(
            "accounts/one.html", who=who, wrong=wrong, roles=ROLES, languages=LANGUAGES, ways=WAYS,
            places=accounts.sessions.open_of(session, staff_id, now), proofs=_proofs(session).get(staff_id),
            filled=request.form,
        )  # fmt: skip


def _changed(
    staff_id: uuid.UUID, action: str, change: Callable[[Session, datetime], object], done: str, **detail: object
) -> Answer | tuple[str, int]:
    """Do it, note it (with the details that `change` gives back), go back to the account; what is refused is told
    there, with what was typed."""
    try:
        with opened() as (session, now):
            who = session.get(Staff, staff_id)
            if who is None or who.disabled_at is not None:
                abort(404)
            more = change(session, now)
            told_too = more if isinstance(more, dict) else {}
            audited(session, action, now, f"staff:{staff_id}", **detail, **told_too)
    except KoudmenError as error:
        return _one(staff_id, told(error)), 400
    flash(done)
    return redirect(url_for("staffing.one", staff_id=staff_id), 303)


@blueprint.post("/accounts/<uuid:staff_id>/work")
@needs("change accounts", proof=True)
def work(staff_id: uuid.UUID) -> Answer | tuple[str, int]:
    """Roles, languages and ways. Other roles: they sign in anew, so that no page keeps what they may not see now."""

    def change(session: Session, now: datetime) -> None:
        who = session.get_one(Staff, staff_id)
        before = who.roles_asked
        if staff.change_work(session, staff_id, *_work(), by=me().id):
            accounts.sessions.end_all(session, staff_id, "roles changed", now)
            notices.account_changed(session, staff_id, now)
        if who.roles_asked != before:  # once for what is asked, however often the form is sent
            _ask_others(session, who, now)

    roles = [role for role in request.form.getlist("role") if role in ROLES]
    return _changed(staff_id, "account changed", change, _("It is changed."), roles=roles)


def _ask_others(session: Session, who: Staff, now: datetime) -> None:
    """A text to those who can agree to roles that wait."""
    if who.roles_asked:
        notices.tell(session, [one for one in staff.active(session) if staff.may_agree(who, one)], "roles", now)


@blueprint.get("/roles")
@needs("agree to roles")
def asked() -> str:
    """Roles by which somebody would read cases, or make accounts that do: they wait for a second person."""
    with opened() as (session, _now):
        rows = [
            (who, session.get(Staff, who.roles_asked_by_id or who.id), staff.may_agree(who, me()), staff.waits_as(who))
            for who in staff.asked(session)
        ]
    return render_template("accounts/asked.html", rows=rows)


@blueprint.post("/roles/<uuid:staff_id>")
@needs("agree to roles", proof=True)
def answer(staff_id: uuid.UUID) -> Answer:
    """Yes or no, to what was shown (`seen`). With a yes they sign in anew, and are told."""
    agreed = request.form.get("answer") == "yes"
    with opened() as (session, now):
        if session.get(Staff, staff_id) is None:
            abort(404)
        seen = request.form.get("seen", "")[:400]
        roles = staff.agree(session, staff_id, me(), agreed=agreed, seen=seen)
        if agreed:
            accounts.sessions.end_all(session, staff_id, "roles changed", now)
            notices.account_changed(session, staff_id, now)
        audited(session, "roles agreed" if agreed else "roles refused", now, f"staff:{staff_id}", roles=roles)
    flash(_("They have these roles now.") if agreed else _("They do not get these roles."))
    return redirect(url_for("staffing.asked"), 303)


@blueprint.post("/accounts/<uuid:staff_id>/reach")
@needs("change accounts", proof=True)
def reach(staff_id: uuid.UUID) -> Answer | tuple[str, int]:
    """Phone and e-mail address. Another phone has to be confirmed again: until then it gets no page. Another address
    is another way in: they sign in anew. Of both the owner is told, at the phone before, and who watches."""

    def change(session: Session, now: datetime) -> dict[str, object]:
        who, phone = session.get_one(Staff, staff_id), request.form.get("phone", "")[:40].strip()
        before = who.phone if who.phone_verified_at else None
        if not phone:
            who.phone = who.phone_lookup = who.phone_verified_at = who.phone_tested_at = None
        elif staff.phone_number(phone) != who.phone:
            staff.change_phone(session, staff_id, phone, now)
        session.flush()
        other = staff.change_email(session, staff_id, request.form.get("email", ""))
        if other:
            accounts.forget_steps(session, staff_id)
            mine = my_session().id if staff_id == me().id else None
            accounts.sessions.end_all(session, staff_id, "e-mail changed", now, but=mine)
        moved = before is not None and who.phone != before
        if moved or other:
            notices.tell(session, [who], "account", now, phone=before)
            notices.way_in_changed(session, who, me().id, now)
        return {"phone": moved, "email": other}

    return _changed(staff_id, "phone or e-mail changed", change, _("It is changed."))


@blueprint.post("/accounts/<uuid:staff_id>/verify")
@needs("change accounts", proof=True)
def verify(staff_id: uuid.UUID) -> Answer | tuple[str, int]:
    def change(session: Session, now: datetime) -> None:
        if not session.get_one(Staff, staff_id).phone:
            abort(404)
        staff.verify_phone(session, staff_id, now)

    return _changed(staff_id, "phone confirmed", change, _("The phone is confirmed: pages go there from now on."))


@blueprint.post("/accounts/<uuid:staff_id>/reset")
@needs("change accounts", proof=True)
def reset(staff_id: uuid.UUID) -> str:
    """A lost phone or a known password: every proof is taken away, every session ends, a new setup code is shown."""
    with opened() as (session, now):
        who = session.get(Staff, staff_id)
        if who is None or who.disabled_at is not None:
            abort(404)
        accounts.forget_proofs(session, staff_id)
        accounts.sessions.end_all(session, staff_id, "reset", now)
        code = accounts.codes.new_setup(session, staff_id, now)
        notices.account_changed(session, staff_id, now)
        notices.way_in_changed(session, who, me().id, now)
        audited(session, "account reset", now, f"staff:{staff_id}")
    return render_template("accounts/code.html", who=who, code=code, fresh=False)


@blueprint.post("/accounts/<uuid:staff_id>/sessions/end")
@needs("change accounts", proof=True)
def sessions_end(staff_id: uuid.UUID) -> Answer | tuple[str, int]:
    return _changed(
        staff_id, "sessions ended",
        lambda session, now: accounts.sessions.end_all(session, staff_id, "ended by an administrator", now),
        _("They are signed out everywhere."),
    )  # fmt: skip


@blueprint.post("/accounts/<uuid:staff_id>/end")
@needs("change accounts", proof=True)
def end(staff_id: uuid.UUID) -> Answer | tuple[str, int]:
    """The account is ended: signed out everywhere, off the rota, its cases paged anew."""
    paged = 0
    try:
        with opened() as (session, now):
            who = session.get(Staff, staff_id)
            if who is None or who.disabled_at is not None:
                abort(404)
            staff.keep_an_administrator(session, staff_id)
            paged = handling.disable(session, staff_id, now)
            accounts.sessions.end_all(session, staff_id, "account ended", now)
            audited(session, "account ended", now, f"staff:{staff_id}", cases_paged_anew=paged)
    except KoudmenError as error:
        return _one(staff_id, told(error)), 400
    flash(_("The account is ended. Cases that were paged anew: %(count)s", count=paged))
    return redirect(url_for("staffing.page"), 303)
