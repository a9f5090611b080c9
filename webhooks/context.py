"""What the views of the public application share."""

from dataclasses import dataclass
from typing import cast

from flask import abort, current_app, request
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from base.settings import Settings
from messaging.bell import Bell
from messaging.intake import Intake
from webhooks.limit import Buckets

LARGEST_BODY = 64 * 1024  # a webhook of Twilio's is a few KB


@dataclass(frozen=True)
class Context:
    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    bell: Bell
    intake: Intake
    buckets: Buckets


def context() -> Context:
    """The context of the application that answers this request."""
    return cast(Context, current_app.extensions["koudmen"])


def body() -> bytes:
    """The request's body as it was sent; 413 when it is too large, also when its length was not said beforehand
    (Werkzeug would cut such a one off without a word)."""
    raw = request.get_data(cache=False)
    if len(raw) > LARGEST_BODY:
        abort(413)
    return raw
