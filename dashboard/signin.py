"""Signing in: password and one-time code, or a passkey; a first time with the code an administrator handed out.
Wrong account, wrong password and a closed account are answered alike."""

import uuid
from datetime import datetime
from typing import Literal

from flask import Blueprint, Response, flash, g, redirect, render_template, request, url_for
from flask import session as browser
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Answer

from base import audit
from base.errors import InvalidInput
from dashboard import guard
from dashboard.accounts import codes, devices, passkeys, passwords, sessions, throttle
from dashboard.models import SignInStep
from dashboard.permissions import needs, public
from dashboard.web import as_uuid, caller, me, my_session, opened, passkey_site
from dashboard.words import N_, _
from oncall import notices, staff
from oncall.models import Staff

blueprint = Blueprint("signin", __name__)
WRONG = N_("That did not work. Check what you typed; after several wrong tries, wait a quarter of an hour.")
NOT_SET_UP = N_("This account is not set up to the end. Use your setup code, or ask an administrator for a new one.")
How = Literal["totp", "recovery", "passkey", "oidc", "setup"]


@blueprint.get("/sign-in")
@public("here one signs in")
def page() -> str | Answer:
    if g.staff:
        return redirect(guard.local(request.args.get("then")))
    return render_template("signin/page.html", then=guard.local(request.args.get("then")))


@blueprint.post("/sign-in")
@public("here one signs in")
def password() -> Answer | tuple[str, int]:
    """The first half: who, and the password. Then the one-time code is asked for."""
    then, account = guard.local(request.form.get("then")), request.form.get("account", "")[:200]
    counted = _try_account(account)
    with opened() as (session, now):
        who = _known(session, account) if counted else None
        right = counted and passwords.fits(session, who.id if who else None, request.form.get("password", ""))
        if who is None or not right or who.disabled_at is not None:
            return render_template("signin/page.html", then=then, account=account, wrong=_(WRONG)), 401
        throttle.fine(session, counted)
        if not second_proof(session, who):  # whoever knows the password may not be who chose it
            return render_template("signin/page.html", then=then, account=account, wrong=_(NOT_SET_UP)), 401
        return ask_second(session, who, then, now)


def _try_account(account: str) -> int | None:
    """A try for what was typed as the account: its phone and its e-mail address are one."""
    with opened() as (session, _):
        who = _known(session, account)
    return _try(str(who.id) if who else _written(account), who.id if who else None)[1]


def _try(counted_as: str, staff_id: uuid.UUID | None) -> tuple[throttle.Who, int | None]:
    """A try is counted, and committed, before it is looked at; None when there were too many."""
    mark = request.cookies.get(guard.known_name(), "")
    with opened() as (session, now):
        one = throttle.who(counted_as, caller(), devices.known(mark, staff_id, now))
        return one, throttle.begin(session, one, now)


def second_proof(session: Session, who: Staff) -> bool:
    """Whether this account has more than a password."""
    return passwords.of(session, who.id).totp_confirmed_at is not None or bool(passkeys.of(session, who.id))


def ask_second(session: Session, who: Staff, then: str, now: datetime, ministry: bytes | None = None) -> Answer:
    """On to the second half. `ministry`: who they are at the ministry's sign-in, to be bound by it."""
    browser["second"] = str(passkeys.step(session, "second", now, who.id, ministry))
    return redirect(url_for("signin.second", then=then), 303)


@blueprint.get("/sign-in/code")
@public("the second half of signing in")
def second() -> str:
    return render_template("signin/code.html", then=guard.local(request.args.get("then")))


@blueprint.post("/sign-in/code")
@public("the second half of signing in")
def code() -> Answer | tuple[str, int]:
    """The second half: the one-time code, or one of the recovery codes."""
    then, typed = guard.local(request.form.get("then")), request.form.get("code", "")[:40]
    with opened() as (session, now):
        asked = passkeys.take(session, browser_step("second"), "second", now)
        if asked is None or asked.staff_id is None:
            flash(_("That took too long. Begin again."))
            return redirect(url_for("signin.page", then=then), 303)
    tries, counted = _try(f"code {asked.staff_id}", asked.staff_id)
    with opened() as (session, now):
        who = session.get_one(Staff, asked.staff_id)
        how = _second(session, who, typed, now) if counted else None
        if how and who.disabled_at is None and _bound(session, who, asked, now):
            throttle.forget(session, tries)
            return entered(session, who, how, then, now)
        browser["second"] = str(passkeys.step(session, "second", now, who.id, asked.challenge))
        return render_template("signin/code.html", then=then, wrong=_(WRONG)), 401


def bind(session: Session, who: Staff, ministry: bytes, now: datetime) -> None:
    """From now on this account is that person's at the ministry's sign-in, and nobody else's there."""
    who.ministry_lookup = ministry
    notices.account_changed(session, who.id, now)
    audit.record(session, "bound to the ministry's sign-in", now, actor=who.id, subject=f"staff:{who.id}")


def _bound(session: Session, who: Staff, asked: SignInStep, now: datetime) -> bool:
    """Whether a sign-in that the ministry began may go on: the account is theirs, or nobody's there yet."""
    if asked.challenge is None:
        return True
    known = bytes(asked.challenge)
    mine = staff.by_ministry(session, who.email or "", known)
    if mine is None or mine.id != who.id:
        return False
    if mine.ministry_lookup is None:
        bind(session, mine, known, now)
    return True


def _second(session: Session, who: Staff, typed: str, now: datetime) -> How | None:
    if codes.totp_fits(session, who.id, typed, now):
        return "totp"
    return "recovery" if codes.recovery_fits(session, who.id, typed, now) else None


@blueprint.post("/sign-in/passkey/ask")
@public("signing in with a passkey begins here")
def passkey_ask() -> Answer:
    with opened() as (session, now):
        step, question = passkeys.begin_sign_in(session, passkey_site(), now)
    browser["step"] = str(step)
    return Response(question, mimetype="application/json")


@blueprint.post("/sign-in/passkey")
@public("signing in with a passkey")
def passkey() -> Answer | tuple[str, int]:
    then = guard.local(request.form.get("then"))
    with opened() as (session, now):
        try:
            answer = passkeys.parsed(request.form.get("answer", ""))
        except InvalidInput:
            answer = {}
        found = passkeys.sign_in(session, browser_step(), answer, passkey_site(), now)
        who = session.get(Staff, found) if found else None
        if who is None or who.disabled_at is not None or not _goes_on(session, who, now):
            return render_template("signin/page.html", then=then, wrong=_(WRONG)), 401
        return entered(session, who, "passkey", then, now)


def _goes_on(session: Session, who: Staff, now: datetime) -> bool:
    """Whether a passkey that was given in place of the one-time code is of the account that the first half was of. One
    given on the first page binds nobody: half a ministry's sign-in in this browser may be somebody else's."""
    if "second" not in request.form:
        return True
    asked = passkeys.take(session, browser_step("second"), "second", now)
    return asked is not None and asked.staff_id == who.id and _bound(session, who, asked, now)


@blueprint.get("/setup")
@public("a first sign-in has no password yet")
def setup() -> str:
    return render_template("signin/setup.html")


@blueprint.post("/setup")
@public("a first sign-in has no password yet")
def set_up() -> Answer | tuple[str, int]:
    """A password chosen with the code an administrator handed out."""
    account, chosen = request.form.get("account", "")[:200], request.form.get("password", "")
    try:
        passwords.check_strength(chosen, account)
        return _set_up(account, chosen)
    except InvalidInput as error:
        return render_template("signin/setup.html", account=account, wrong=str(error)), 400


def _set_up(account: str, chosen: str) -> Answer | tuple[str, int]:
    """With the right code. A password that is too easy undoes everything, so that the code is still good."""
    counted = _try_account(account)
    with opened() as (session, now):
        who = _known(session, account) if counted else None
        if who is None or who.disabled_at or not codes.setup_fits(session, who.id, request.form.get("code", ""), now):
            return render_template("signin/setup.html", account=account, wrong=_(WRONG)), 401
        throttle.fine(session, counted)
        notices.account_changed(session, who.id, now)
        passwords.put(session, who.id, chosen, now, who.name, who.phone or "", who.email or "")
        sessions.end_all(session, who.id, "new password", now)
        if second_proof(session, who):
            codes.setup_done(session, who.id)
            return ask_second(session, who, "/me", now)
        return _to_set_up(session, who, "/me", now)


def _to_set_up(session: Session, who: Staff, then: str, now: datetime) -> Answer:
    """In with the setup code and a password, to set up a second proof: the guard opens nothing else. Only one is in
    like this, and sees a secret that nobody saw before: a stranger who has the code too must not learn the owner's."""
    sessions.end_all(session, who.id, "set up anew", now)
    codes.drop_unconfirmed(session, who.id)
    return entered(session, who, "setup", then, now)


@blueprint.get("/again")
@needs("own account")
def again() -> str:
    return render_template("signin/again.html", then=guard.local(request.args.get("then")))


@blueprint.post("/again")
@needs("own account")
def prove() -> Answer | tuple[str, int]:
    """Prove once more who one is, before something leaves the site."""
    then = guard.local(request.form.get("then"))
    tries, counted = _try(f"again {me().id}", me().id)
    with opened() as (session, now):
        if not counted or not passwords.fits(session, me().id, request.form.get("password", "")):
            return render_template("signin/again.html", then=then, wrong=_(WRONG)), 401
        sessions.proved(session, my_session().id, now)
        throttle.forget(session, tries)
    return redirect(then, 303)


@blueprint.post("/sign-out")
@needs("own account")
def out() -> Answer:
    with opened() as (session, now):
        sessions.end(session, my_session().id, "signed out", now)
        audit.record(session, "signed out", now, actor=me().id, subject=f"staff:{me().id}")
    browser.clear()
    return guard.take_away(redirect(url_for("signin.page", then=request.form.get("then")), 303))


def _known(session: Session, account: str) -> Staff | None:
    """The account of an e-mail address or a phone number."""
    name = _written(account)
    return staff.by_email(session, name) if "@" in name else staff.by_phone(session, name)


def _written(account: str) -> str:
    """An e-mail address or a phone number as it is looked up, however it was typed."""
    if "@" in account:
        return account.strip().lower()
    try:
        return staff.phone_number(account)
    except InvalidInput:
        return account


def browser_step(name: str = "step") -> uuid.UUID:
    """What this browser has begun (`second`: the half of a sign-in that is done); one that nobody has when there is
    none."""
    return as_uuid(str(browser.get(name, ""))) or uuid.UUID(int=0)


def entered(session: Session, who: Staff, how: How, then: str, now: datetime) -> Answer:
    """Signed in: a fresh token, nothing of before is kept (no session can be planted)."""
    token = sessions.begin(session, who.id, how, request.headers.get("User-Agent", "")[:300], now)
    audit.record(session, "signed in", now, actor=who.id, subject=f"staff:{who.id}", detail={"how": how})
    browser.clear()
    answer = guard.give(token, redirect(then, 303))
    return answer if how == "setup" else guard.remember(answer, who.id, now)
