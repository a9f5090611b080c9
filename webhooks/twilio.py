"""Twilio's webhooks: check who calls, write it down, answer. Nothing else happens before the answer."""

import uuid
from collections.abc import Sequence
from urllib.parse import parse_qsl

from flask import Blueprint, Response, abort, request

from base import log
from base.errors import InvalidInput
from messaging.outbox import DELIVERY_RANK
from messaging.reports import Report
from messaging.twilio import parse_inbound, signature_ok
from webhooks import metrics
from webhooks.context import Context, body, context

blueprint = Blueprint("twilio", __name__, url_prefix="/webhooks/twilio")
logger = log.get(__name__)
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 500


@blueprint.post("/inbound")
def inbound() -> Response:
    """An SMS or WhatsApp message came in."""
    here = context()
    params = dict(signed_form(here))
    try:
        message = parse_inbound(params)
    except InvalidInput as error:
        metrics.REFUSED.labels("invalid").inc()
        logger.warning("webhook not understood", reason=str(error).partition(":")[0])
        abort(400)
    taken = here.intake.take(message)
    metrics.INBOUND.labels(message.channel, taken).inc()
    return _done()


@blueprint.post("/status")
def status() -> Response:
    """A delivery report for a message of ours. Late, repeated and unknown ones change nothing."""
    here = context()
    params = dict(signed_form(here))
    state = params.get("MessageStatus") or params.get("SmsStatus") or ""
    try:
        outbound_id = uuid.UUID(request.args.get("m", ""))
    except ValueError:
        return _done()
    code = error_code(params.get("ErrorCode", ""))
    metrics.REPORTS.labels(state if state in DELIVERY_RANK else "other").inc()
    if state in DELIVERY_RANK:
        sid = params.get("MessageSid") or params.get("SmsSid")
        here.intake.report(Report(outbound_id, state, sid, code))
    return _done()


def error_code(text: str) -> int:
    """Twilio's codes have five digits; 0 for anything that cannot be one."""
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def signed_form(here: Context) -> Sequence[tuple[str, str]]:
    """The form's fields in the order sent, blank ones kept, once the signature is proved right."""
    account = here.settings.twilio
    if account is None:
        abort(404)
    if (request.mimetype or "") != FORM:
        metrics.REFUSED.labels("content type").inc()
        abort(415)
    raw = body()
    try:
        params = parse_qsl(
            raw.decode("utf-8", "strict"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace"
        )
    except ValueError:
        abort(400)
    if not signature_ok(account, _url(here), params, dict(request.headers)):
        metrics.REFUSED.labels("signature").inc()
        abort(403)
    return [(name, value.replace("\0", "")) for name, value in params]  # PostgreSQL keeps no NUL


def _url(here: Context) -> str:
    """The address as Twilio knows it: our public base, the raw path and the raw query."""
    target = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.full_path.rstrip("?")
    if not target.startswith("/"):  # an absolute request line
        target = "/" + target.split("://", 1)[-1].partition("/")[2]
    return here.settings.public_base_url + target


def _done() -> Response:
    return Response(status=204)
