"""Twilio's webhooks: check who calls, write it down, answer. Nothing else happens before the answer."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from flask import Blueprint, Response, abort, request

from base import log
from base.errors import InvalidInput
from base.settings import Twilio
from messaging.outbox import DELIVERY_RANK
from messaging.reports import Report
from messaging.twilio import parse_inbound, signature_ok
from webhooks import metrics
from webhooks.context import Context, body, context

blueprint = Blueprint("twilio", __name__, url_prefix="/webhooks/twilio")
logger = log.get(__name__)
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 500
Form = Sequence[tuple[str, str]]


@blueprint.post("/inbound")
def inbound() -> Response:
    """An SMS or WhatsApp message came in."""
    here = context()
    asyncio.run(take_message(here, signed_form(here)))
    return Response(status=204)


@blueprint.post("/status")
def status() -> Response:
    """A delivery report for a message of ours."""
    here = context()
    asyncio.run(take_report(here, signed_form(here), request.args.get("m", "")))
    return Response(status=204)


async def take_message(here: Context, form: Form) -> None:
    """Write down what somebody sent; 400 when it is no message."""
    try:
        message = parse_inbound(dict(form))
    except InvalidInput as error:
        metrics.REFUSED.labels("invalid").inc()
        logger.warning("webhook not understood", reason=str(error).partition(":")[0])
        abort(400)
    taken = await here.intake.take(message)
    metrics.INBOUND.labels(message.channel, taken).inc()


async def take_report(here: Context, form: Form, about: str) -> None:
    """Write down what became of the message `about` (our id). Late, repeated and unknown reports change nothing."""
    params = dict(form)
    state = params.get("MessageStatus") or params.get("SmsStatus") or ""
    try:
        outbound_id = uuid.UUID(about)
    except ValueError:
        return
    code = error_code(params.get("ErrorCode", ""))
    metrics.REPORTS.labels(state if state in DELIVERY_RANK else "other").inc()
    if state in DELIVERY_RANK:
        sid = params.get("MessageSid") or params.get("SmsSid")
        await here.intake.report(Report(outbound_id, state, sid, code))


def error_code(text: str) -> int:
    """Twilio's codes have five digits; 0 for anything that cannot be one."""
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def signed_form(here: Context) -> Form:
    """The form of this request, once the signature is proved right."""
    account = here.settings.twilio
    if account is None:
        abort(404)
    if (request.mimetype or "") != FORM:
        metrics.REFUSED.labels("content type").inc()
        abort(415)
    return proved(account, _url(here), body(), dict(request.headers))


def proved(account: Twilio, url: str, raw: bytes, headers: Mapping[str, str]) -> Form:
    """The fields of a body in the order sent, blank ones kept; 400 when it is no form, 403 when Twilio did not sign
    it for `url`, the address as Twilio knows it."""
    try:
        params = parse_qsl(
            raw.decode("utf-8", "strict"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace"
        )
    except ValueError:
        abort(400)
    if not signature_ok(account, url, params, headers):
        metrics.REFUSED.labels("signature").inc()
        abort(403)
    return [(name, value.replace("\0", "")) for name, value in params]  # PostgreSQL keeps no NUL


def _url(here: Context) -> str:
    """The address as Twilio knows it: our public base, the raw path and the raw query."""
    target = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.full_path.rstrip("?")
    if not target.startswith("/"):  # an absolute request line
        target = "/" + target.split("://", 1)[-1].partition("/")[2]
    return here.settings.public_base_url + target
