"""What the views of the public application share."""

from dataclasses import dataclass
from typing import cast

from flask import current_app
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from base.settings import Settings
from messaging.bell import Bell


@dataclass(frozen=True)
class Context:
    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    bell: Bell


def context() -> Context:
    """The context of the application that answers this request."""
    return cast(Context, current_app.extensions["koudmen"])
