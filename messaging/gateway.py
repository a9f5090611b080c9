"""The generic HTTP gateway: a local operator's SMS gateway in two small contracts (docs/operating.md).

In: JSON {"id", "from", "text"} with header `X-Koudmen-Signature: sha256=<hex HMAC of the raw body>`.
Out: the same shape is POSTed to the gateway's URL.
"""

import hashlib
import hmac

import orjson

from base.errors import InvalidInput
from messaging.inbound import Inbound

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
    text = str(values["text"]).replace("\0", "").encode("utf-8", "replace").decode()[:4096]
    return Inbound(PROVIDER, str(values["id"])[:128], "gateway", str(values["from"])[:160], text)
