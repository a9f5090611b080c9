"""Stands before every view: who asks, may they, and did they prove it lately. What is not marked is closed."""

import re
import time
import uuid
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, flash, g, make_response, redirect, request, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from base import log
from dashboard.accounts import devices, passkeys, sessions
from dashboard.models import Credential, StaffSession
from dashboard.permissions import allowed
from dashboard.web import caller, opened, secure, site
from dashboard.words import _
from oncall import rota
from oncall.models import Staff

logger = log.get(__name__)
FRAGMENT = "X-Koudmen-Fragment"  # sent by our script: answer with a status, not with a page to sign in on
LARGEST_ID = 2**63 - 1
LONGEST_TOKEN = 200
LONGEST_QUERY = 500  # of a page that is come back to
SECOND = frozenset({"me.second", "me.totp", "me.passkey_new", "me.passkey_add", "signin.out", "me.recovery"})


FORM_SIGNED_OUT, FORM, FILE = 64 * 1024, 1024 * 1024, 20 * 1024 * 1024  # the largest body, in bytes


def protect(app: Flask) -> None:
    """Put the guard before every view of an application. It knows who asks before a byte of a body is read (the check
    of the page's token reads it), and decides after that."""
    app.before_request(_admit)
    CSRFProtect(app)  # type: ignore[no-untyped-call]
    app.before_request(_guard)


def cookie_name() -> str:
    """`__Host-` binds the cookie to this name and to https; without https (this machine) browsers refuse the prefix."""
    return "__Host-koudmen-staff" if secure() else "koudmen-staff"


def _admit() -> Answer | None:
    """The ration, who asks, and how much they may send: a large file only to a view that takes one, by somebody who may
    use it and has proved who they are. Who may and has not proved it lately is asked to, before the file is looked at:
    it is read off the line (a browser that is cut short shows no answer) and thrown away."""
    g.staff = g.session = None
    request.max_content_length = FORM_SIGNED_OUT
    if _free():
        return None
    wait = site().buckets.take(_whose_ration(), time.monotonic())
    if wait:
        return make_response("too many requests: wait a moment\n", 429, {"Retry-After": str(int(wait) + 1)})
    marks = _marks()
    _who(live="public" in marks or bool(marks.get("live")))
    if g.staff is not None:
        request.max_content_length = FILE if marks.get("file") and _may(marks) else FORM
        if request.max_content_length == FILE and not proved():
            while request.stream.read(FORM_SIGNED_OUT):
                pass
            return _again(_("Prove that it is you, then choose the file again: it was not kept."))
    return None


def _whose_ration() -> str:
    """A session that was begun here has a ration of its own; everybody else shares that of their address."""
    token = request.cookies.get(cookie_name(), "")[:LONGEST_TOKEN]
    return token if sessions.genuine(token) else caller()


def _free() -> bool:
    """No such page, or one of our own files: told to all alike."""
    return request.endpoint is None or request.endpoint == "static"


def _marks() -> dict[str, Any]:
    return getattr(current_app.view_functions[request.endpoint or ""], "__dict__", {})


def _may(marks: dict[str, Any]) -> bool:
    """Whether this view would be opened to who asks, once they prove who they are."""
    return bool("needs" in marks and allowed(g.staff, marks["needs"]) and g.strong)


def known_name() -> str:
    """The cookie of a known browser."""
    return "__Host-koudmen-known" if secure() else "koudmen-known"


def _guard() -> Answer | None:
    if _free():
        return None
    if any("\0" in part for part in (request.path, *request.args.values(), *request.form.values())):
        abort(400)  # no browser sends it, and the database has no such letter
    if any(isinstance(one, int) and one > LARGEST_ID for one in (request.view_args or {}).values()):
        abort(404)  # the database has no such number
    marks = _marks()
    if "public" in marks:
        return None
    if g.staff is None:
        return _sign_in()
    if "needs" not in marks or not allowed(g.staff, marks["needs"]):
        logger.warning("denied", staff_id=str(g.staff.id), path=str(request.url_rule), method=request.method)
        abort(403)
    if not g.strong and request.endpoint not in SECOND:
        return redirect(url_for("me.second"), 303)
    if marks.get("proof") and g.strong and not proved():
        return _again(_("Prove that it is you, then send it again: it was not kept."))
    return None


def _again(sent: str) -> Answer:
    """On to proving who they are, and back to where they were. `sent`: what they are told when they had sent a form."""
    if request.method != "GET":
        flash(sent)
    return redirect(url_for("signin.again", then=here()), 303)


def _who(*, live: bool) -> None:
    token = request.cookies.get(cookie_name(), "")
    if not sessions.genuine(token) or len(token) > LONGEST_TOKEN:
        return
    with opened() as (session, now):
        found = sessions.current(session, token, now, live=live)
        who = session.get(Staff, found.staff_id) if found else None
        if found is None or who is None or who.disabled_at is not None:
            return
        known = session.get(Credential, who.id)
        second = bool(known and known.totp_confirmed_at) or bool(passkeys.of(session, who.id))
        if second and found.how == "setup":
            return  # in with a password alone, and the second proof was set up elsewhere: it is asked for
        g.strong = found.how == "oidc" or second
        if not live and allowed(who, "see the rota"):
            g.on_duty = rota.names_now(session, now)  # stands on every page
        g.staff, g.session, g.now = who, found, now


def proved() -> bool:
    """Whether who asks proved who they are within the last minutes."""
    found: StaffSession = g.session
    return bool(g.now - found.proved_at < sessions.PROOF)


def _sign_in() -> Answer:
    if request.headers.get(FRAGMENT) or request.headers.get("Accept") == "text/event-stream":
        return make_response("signed out\n", 401)
    return redirect(url_for("signin.page", then=here()), 303)


def here() -> str:
    """Where to go on after signing in: this page when it was only looked at, else the nearest above it that can be:
    the one with the form. What a page was asked for (`?by=district`) goes along; of a form nothing does."""
    path, asked = request.path, request.query_string.decode("latin-1")
    if request.method == "GET":
        return local(f"{path}?{asked}" if asked and len(asked) <= LONGEST_QUERY else path)
    while path and not _looked_at(path):
        path = path.rpartition("/")[0]
    return path or "/"


def _looked_at(path: str) -> bool:
    """Whether there is a page at this address that whoever is signed in may look at."""
    try:
        view, _ids = current_app.create_url_adapter(request).match(path, method="GET")  # type: ignore[union-attr]
    except HTTPException:
        return False
    marks = current_app.view_functions[view].__dict__
    return "needs" in marks and (g.staff is None or allowed(g.staff, marks["needs"]))


def local(path: str | None) -> str:
    """A path of this site; anything else is its first page."""
    fine = path and path.isprintable() and re.fullmatch(r"/(?![/\\]).*", path)
    return path if fine and path and not urlsplit(path).netloc else "/"


def give(token: str, answer: Answer) -> Answer:
    """Put a session's token into the browser."""
    answer.set_cookie(cookie_name(), token, secure=secure(), httponly=True, samesite="Lax", path="/")
    return answer


def remember(answer: Answer, staff_id: uuid.UUID, now: datetime) -> Answer:
    """Leave a mark in the browser that this person was in here (dashboard.accounts.devices)."""
    answer.set_cookie(
        known_name(), devices.new(staff_id, now), max_age=devices.GOOD_FOR, secure=secure(), httponly=True,
        samesite="Strict", path="/",
    )  # fmt: skip
    return answer


def take_away(answer: Answer) -> Answer:
    """Take it out again, with what pages left there. The mark of a known browser stays: it opens nothing, and without
    it a stranger's guesses would hold the owner up."""
    answer.delete_cookie(cookie_name(), secure=secure(), httponly=True, samesite="Lax", path="/")
    answer.headers["Clear-Site-Data"] = '"storage"'
    return answer
