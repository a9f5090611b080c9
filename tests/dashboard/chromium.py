"""The staff application served on this machine, and a real Chromium in which somebody is signed in."""

import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.serving import make_server

from base.db import transaction
from dashboard import guard
from dashboard.accounts import sessions as places

NARROW, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
QUIET = [
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
GRAVE = {"serious", "critical"}


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The application at an address, until the end of the block."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        app.extensions["live"].stop()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def started(*more: str) -> Iterator[Browser]:
    """Chromium (`more`: of its options); the test is skipped where there is none, unless KOUDMEN_BROWSER=required."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found and os.environ.get("KOUDMEN_BROWSER") == "required":
        pytest.fail("no Chromium is installed, and none of its tests may be left out")
    if not found:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*QUIET, *more])
        yield browser
        browser.close()


def sign_in(
    context: BrowserContext, app: Flask, base: str, sessions: sessionmaker[Session], staff_id: uuid.UUID
) -> None:
    """Put a session of this person into the browser."""
    with transaction(sessions) as session:
        token = places.begin(session, staff_id, "totp", "Chrome/1 Linux", datetime.now(UTC))
    with app.test_request_context():
        context.add_cookies([{"name": guard.cookie_name(), "value": token, "url": base}])


def grave_faults(page: Page) -> list[str]:
    """What axe-core finds that keeps people out: rule and place."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['target']}" for one in found if one["impact"] in GRAVE for node in one["nodes"]]
