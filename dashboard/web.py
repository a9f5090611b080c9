"""What the views share: the database, the settings, the time, and who asks."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from urllib.parse import urlsplit

from flask import current_app, g, request
from sqlalchemy.orm import Session, sessionmaker

from base import audit, log
from base.caller import caller as whence
from base.caller import untold
from base.db import database_now, transaction
from base.settings import Settings
from dashboard.accounts import passkeys
from dashboard.models import StaffSession
from dashboard.permissions import Action, allowed
from messaging.bell import Bell
from oncall.models import Staff
from webhooks.limit import Buckets

logger = log.get(__name__)


@dataclass(frozen=True)
class Site:
    """What `create_app` made."""

    settings: Settings
    sessions: sessionmaker[Session]
    bell: Bell
    buckets: Buckets


def site() -> Site:
    """This application's."""
    return cast(Site, current_app.extensions["koudmen"])


@contextmanager
def opened() -> Iterator[tuple[Session, datetime]]:
    """The one transaction of a view, and the database's time at its begin."""
    with transaction(site().sessions) as session:
        yield session, database_now(session)


def me() -> Staff:
    """Who asks; only in a view that is not public."""
    return cast(Staff, g.staff)


def my_session() -> StaffSession:
    """The session by which they ask."""
    return cast(StaffSession, g.session)


def may(action: Action) -> bool:
    """Whether who asks may do something more than see this page; for templates, and for parts of pages."""
    return g.get("staff") is not None and allowed(me(), action)


def audited(session: Session, action: str, now: datetime, subject: str = "", **detail: object) -> None:
    """Note what who asks did. The last thing in a transaction."""
    audit.record(session, action, now, actor=me().id, subject=subject, detail=detail or None)


def caller() -> str:
    """Where the request comes from, by the word of our own proxies alone (base.caller). When a proxy that is not
    trusted stands before us, that is logged once: all its callers would be throttled as one."""
    peer, said = request.remote_addr or "", ",".join(request.headers.getlist("X-Forwarded-For"))
    trusted = site().settings.trusted_proxies
    if untold(peer, said, trusted) and not current_app.extensions.setdefault("proxy told", False):
        current_app.extensions["proxy told"] = True
        logger.warning("a proxy is not trusted", reason="KOUDMEN_TRUSTED_PROXIES")
    return whence(peer, said, trusted)


def address() -> str:
    """Where the staff site is, as a browser sees it: what is set, or this machine's."""
    return site().settings.staff_url or f"http://localhost:{site().settings.staff_port}"


def secure() -> bool:
    """Whether browsers reach this site by https."""
    return by_https(site().settings)


def by_https(settings: Settings) -> bool:
    """Whether browsers reach us by https; then cookies travel in no other way. Where real people text it is so, also
    when nobody has set `oncall.staff_url`."""
    return not settings.rehearsing or urlsplit(settings.staff_url).scheme == "https"


def passkey_site() -> passkeys.Site:
    """What passkeys are bound to. On this machine the port is the one of the request."""
    settings = site().settings
    here = settings.config.oncall.staff_url or f"http://{request.host}"
    return passkeys.site(here, settings.config.service.name)


def as_uuid(text: str) -> uuid.UUID | None:
    """An id that came in a form; None when it is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def on_duty() -> list[str] | None:
    """The names of those on duty now, level 1 first; None for who may not see the rota, on public pages, and in parts
    of pages. The guard has looked, in its own transaction: a page asks for no second connection."""
    return cast(list[str] | None, g.get("on_duty"))
