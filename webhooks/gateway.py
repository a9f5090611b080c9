"""The generic HTTP gateway's webhook."""

import asyncio

from flask import Blueprint, Response, abort, request

from base import log
from base.errors import InvalidInput
from messaging import gateway
from webhooks import metrics
from webhooks.context import body, context

blueprint = Blueprint("gateway", __name__, url_prefix="/webhooks/gateway")
logger = log.get(__name__)


@blueprint.post("/inbound")
def inbound() -> Response:
    """A message through a local operator's gateway. 404 until KOUDMEN_GATEWAY_SECRET is set."""
    here = context()
    secret = here.settings.gateway_secret
    if not secret:
        abort(404)
    if request.mimetype != "application/json":
        abort(415)
    raw = body()
    if not gateway.signature_ok(secret, raw, request.headers.get(gateway.SIGNATURE, "")):
        metrics.REFUSED.labels("signature").inc()
        abort(403)
    try:
        message = gateway.parse_inbound(raw)
    except InvalidInput as error:
        logger.warning("webhook not understood", reason=str(error).partition(":")[0])
        abort(400)
    taken = asyncio.run(here.intake.take(message))
    metrics.INBOUND.labels("gateway", taken).inc()
    return Response(status=204)
