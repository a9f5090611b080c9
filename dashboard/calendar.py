"""An officer's duty as a calendar feed. Calendar programs cannot sign in, so the address itself is the key: it holds a
keyed hash of the account, tells levels and hours, and nothing of any case or other person."""

import hmac
import uuid

from flask import Blueprint, Response, abort

from base.db import database_now, keys
from dashboard.permissions import public
from dashboard.web import site
from oncall import ical
from oncall.models import Staff

blueprint = Blueprint("calendar", __name__)


def path(who: Staff) -> str:
    """The feed's address on the staff site."""
    return f"/calendar/{who.id}/{_token(who)}.ics"


def _token(who: Staff) -> str:
    """Another one whenever the owner asks for it (`calendar_number`)."""
    return keys().lookup("calendar", str(who.id), str(who.calendar_number)).hex()[:32]


@blueprint.get("/calendar/<uuid:staff_id>/<token>.ics")
@public("calendar programs cannot sign in; a keyed hash in the address is the key")
def feed(staff_id: uuid.UUID, token: str) -> Response:
    """404 for a wrong key, an unknown account and one that was ended alike."""
    with site().sessions() as session:
        who = session.get(Staff, staff_id)
        if who is None or who.disabled_at is not None or not hmac.compare_digest(token.encode(), _token(who).encode()):
            abort(404)
        return Response(ical.feed(session, staff_id, database_now(session)), mimetype="text/calendar")
