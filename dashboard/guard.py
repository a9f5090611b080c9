"""Stands before every view: who asks, may they, and did they prove it lately. What is not marked is closed."""

import re
import time
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, g, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as Answer

from base import log
from dashboard.accounts import passkeys, sessions
from dashboard.models import Credential, StaffSession
from dashboard.permissions import allowed
from dashboard.web import caller, opened, secure, site
from oncall import rota
from oncall.models import Staff

logger = log.get(__name__)
FRAGMENT = "X-Koudmen-Fragment"  # sent by our script: answer with a status, not with a page to sign in on
LARGEST_ID = 2**63 - 1
SECOND = frozenset({"me.second", "me.totp", "me.passkey_new", "me.passkey_add", "signin.out", "me.recovery"})


def protect(app: Flask) -> None:
    """Put the guard before every view of an application."""
    app.before_request(_guard)


def cookie_name() -> str:
    """`__Host-` binds the cookie to this name and to https; without https (this machine) browsers refuse the prefix."""
    return "__Host-koudmen-staff" if secure() else "koudmen-staff"


def _guard() -> Answer | None:
    g.staff = g.session = None
    if request.endpoint is None or request.endpoint == "static":
        return None  # no such page: 404 for all alike
    wait = site().buckets.take(request.cookies.get(cookie_name(), "")[:100] or caller(), time.monotonic())
    if wait:
        return make_response("too many requests: wait a moment\n", 429, {"Retry-After": str(int(wait) + 1)})
    if any("\0" in part for part in (request.path, *request.args.values(), *request.form.values())):
        abort(400)  # no browser sends it, and the database has no such letter
    if any(isinstance(one, int) and one > LARGEST_ID for one in (request.view_args or {}).values()):
        abort(404)  # the database has no such number
    view = current_app.view_functions[request.endpoint]
    marks = getattr(view, "__dict__", {})
    if "public" in marks:
        _who(live=True)
        return None
    _who(live=bool(marks.get("live")))
    if g.staff is None:
        return _sign_in()
    if "needs" not in marks or not allowed(g.staff, marks["needs"]):
        logger.warning("denied", staff_id=str(g.staff.id), path=str(request.url_rule), method=request.method)
        abort(403)
    if not g.strong and request.endpoint not in SECOND:
        return redirect(url_for("me.second"), 303)
    if marks.get("proof") and g.strong and not proved():
        return redirect(url_for("signin.again", then=here()), 303)
    return None


def _who(*, live: bool) -> None:
    token = request.cookies.get(cookie_name(), "")
    if not token or len(token) > 100:
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
    """Where to go on after signing in: this page when it was only looked at. It names a case's code at most."""
    return request.path if request.method == "GET" else "/"


def local(path: str | None) -> str:
    """A path of this site; anything else is its first page."""
    fine = path and path.isprintable() and re.fullmatch(r"/(?![/\\]).*", path)
    return path if fine and path and not urlsplit(path).netloc else "/"


def give(token: str, answer: Answer) -> Answer:
    """Put a session's token into the browser."""
    answer.set_cookie(cookie_name(), token, secure=secure(), httponly=True, samesite="Lax", path="/")
    return answer


def take_away(answer: Answer) -> Answer:
    """Take it out again, with everything else this site left there."""
    answer.delete_cookie(cookie_name(), secure=secure(), httponly=True, samesite="Lax", path="/")
    answer.headers["Clear-Site-Data"] = '"cookies", "storage"'
    return answer
