"""The generic HTTP gateway: a local operator's SMS gateway in two small contracts (docs/operating.md).

In: JSON {"id", "from", "text"} with header `X-Koudmen-Signature: sha256=<hex HMAC of the raw body>`.
Out: JSON {"id", "to", "text"} is POSTed to KOUDMEN_GATEWAY_URL, signed in the same way; any 2xx answer takes it. The
same `id` may come twice when an answer was lost: the gateway sends it once.
"""

import hashlib
import hmac
from datetime import datetime

import orjson
import urllib3

from base.errors import InvalidInput, OutcomeUnknown, SendError
from messaging.channel import Accepted
from messaging.inbound import Inbound
from messaging.outbox import Sending

SIGNATURE = "X-Koudmen-Signature"
PROVIDER = "gateway"


def sign(secret: str, body: bytes) -> str:
    """The value of the signature header for a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signature_ok(secret: str, body: bytes, given: str) -> bool:
    """Whether the gateway signed this body."""
    return hmac.compare_digest(sign(secret, body).encode(), given.strip().encode("utf-8", "replace"))


def parse_inbound(body: bytes) -> Inbound:
    """A message from the gateway; InvalidInput says what is missing."""
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidInput("the body is not JSON") from None
    if not isinstance(raw, dict):
        raise InvalidInput("the body is not a JSON object")
    values = {name: raw.get(name) for name in ("id", "from", "text")}
    if not all(isinstance(value, str) for value in values.values()) or not values["id"] or not values["from"]:
        raise InvalidInput("'id', 'from' and 'text' are needed, as text")
    if "\0" in values["id"] or "\0" in values["from"]:
        raise InvalidInput("'id' and 'from' are text without NUL")
    text = str(values["text"]).replace("\0", "").encode("utf-8", "replace").decode()[:4096]
    return Inbound(PROVIDER, str(values["id"])[:128], "gateway", str(values["from"])[:160], text)


class GatewayChannel:
    """Sends through a local operator's gateway."""

    def __init__(self, url: str, secret: str) -> None:
        self.url, self.secret = url, secret
        self.http = urllib3.PoolManager(maxsize=8, timeout=urllib3.Timeout(connect=5, read=15), retries=False)

    def send(self, message: Sending) -> Accepted:
        body = orjson.dumps({"id": str(message.id), "to": message.address, "text": message.body})
        headers = {"Content-Type": "application/json", SIGNATURE: sign(self.secret, body)}
        try:
            answer = self.http.request("POST", self.url, body=body, headers=headers, redirect=False)
        except (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.NewConnectionError):
            raise SendError("cannot connect to the gateway") from None
        except urllib3.exceptions.HTTPError:
            raise OutcomeUnknown("the gateway did not answer") from None
        if not 200 <= answer.status < 300:
            raise SendError(f"the gateway refused with {answer.status}", status=answer.status)
        return Accepted(str(message.id), "sent")

    def find(self, message: Sending, since: datetime, known: frozenset[str]) -> Accepted | None:
        """The gateway cannot be asked, but it sends one id once: sending again is safe."""
        return None
