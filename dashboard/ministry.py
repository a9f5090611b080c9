"""Signing in through a ministry's own provider: a button when KOUDMEN_OIDC_ISSUER is set. Whoever the issuer vouches
for still needs an account here with that e-mail address; an address the issuer has not verified opens nothing.

The first time binds the account to that person (issuer and subject): nobody else with the address is let in after that.
An account with a second proof of its own is bound only by who has that proof too, so that an administrator who changes
its address cannot come in by their own. Another address, a reset and the end of an account undo the binding."""

import secrets

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask import session as browser
from werkzeug.wrappers import Response as Answer

from base import log
from base.errors import Refused
from base.settings import Oidc
from dashboard import guard
from dashboard.accounts import oidc, passkeys
from dashboard.permissions import public
from dashboard.signin import ask_second, bind, browser_step, entered, second_proof
from dashboard.web import address, opened, site
from oncall import staff

blueprint = Blueprint("ministry", __name__)
logger = log.get(__name__)
WRONG = "That did not work. Ask your administrator whether your account here has the same e-mail address."


def _settings() -> Oidc:
    found = site().settings.oidc
    return found or abort(404)


def _back() -> str:
    return address() + url_for("ministry.back")


@blueprint.get("/sign-in/ministry")
@public("sends on to the ministry's own sign-in")
def begin() -> Answer | tuple[str, int]:
    settings, secret = _settings(), secrets.token_bytes(32)
    with opened() as (session, now):
        step = passkeys.step(session, "oidc", now, None, secret)
    browser["step"], browser["then"] = str(step), guard.local(request.args.get("then"))
    try:
        return redirect(oidc.address(settings, oidc.question(secret), _back()), 303)
    except Refused as why:
        return _refused(str(why))


@blueprint.get("/sign-in/ministry/back")
@public("comes back from the ministry's own sign-in")
def back() -> Answer | tuple[str, int]:
    """Three short steps, so that no transaction waits for the issuer: use the state up, ask the issuer, open."""
    settings, then = _settings(), guard.local(str(browser.get("then", "/")))
    with opened() as (session, now):
        asked = passkeys.take(session, browser_step(), "oidc", now)
        secret = bytes(asked.challenge) if asked and asked.challenge else None
    if secret is None:
        return _refused("no such state")
    given = request.args
    try:
        told = oidc.person(settings, oidc.question(secret), given.get("state", ""), given.get("code", ""), _back(), now)
    except Refused as why:
        return _refused(str(why))
    known = staff.ministry_lookup(told.issuer, told.subject)
    with opened() as (session, now):
        who = staff.by_ministry(session, told.email, known)
        if who is not None and who.ministry_lookup is None:
            if second_proof(session, who):
                return ask_second(session, who, then, now, known)
            bind(session, who, known, now)
        if who is not None:
            return entered(session, who, "oidc", then, now)
    return _refused("no account")


def _refused(why: str) -> tuple[str, int]:
    logger.warning("sign-in through the ministry refused", reason=why)
    return render_template("signin/page.html", then="/", wrong=WRONG), 401
