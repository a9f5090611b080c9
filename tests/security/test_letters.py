"""Letters that break programs, and SQL, down every way in: webhooks (test_attacks.py), classify, the staff site, the
open data, imports. What they may cost is counted as work (calls), not as time."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from base.errors import InvalidInput
from base.settings import ROOT
from bot.rasa import Away
from bot.reading import glance
from directory.exchange import forms
from directory.exchange.intake import take_in
from directory.exchange.sheet_columns import NAMES
from directory.models import Service
from koudmen.commands.classify import classify
from tests.conftest import make_settings
from tests.dashboard.conftest import SignedIn, app, people, signed_in
from tests.security.test_attacks import SQL, UNICODE
from tests.webhooks.caller import Caller
from tests.webhooks.conftest import open_process, open_web

__all__ = ["app", "open_process", "open_web", "people", "signed_in"]
# What JSON can carry and a form cannot: half of a pair, and the end of a C string.
JSON_ONLY = {"half a pair": "\ud800", "halves the wrong way": "\udc00\ud800 help", "nul": "\0help\0"}
ALL = UNICODE | {"nul": "he\0lp"} | {f"SQL {number}": words for number, words in enumerate(SQL)}


def work(do: Callable[[], object]) -> int:
    """How many calls, of Python and of C, it takes."""
    count = 0

    def seen(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(seen)
    try:
        do()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", UNICODE)
def test_reading_takes_work_in_proportion_to_the_length(name: str) -> None:
    piece = UNICODE[name][:200]
    glance(piece, None)  # what is loaded once
    short = work(lambda: glance((piece * 20)[:500], None))
    long = work(lambda: glance((piece * 20)[:2000], None))
    assert long <= 4 * short + 4000


@pytest.mark.parametrize("name", ALL)
def test_classify_reads_them(name: str, tmp_path: Path) -> None:
    rules = make_settings(tmp_path).config.understanding
    [reading] = classify([ALL[name]], Away(), rules)
    assert reading.intent
    assert reading.concern is None, "no word of it tells of harm"


def test_the_command_answers_each_line_whatever_stands_in_the_others() -> None:
    texts = [*ALL.values(), *JSON_ONLY.values()]
    lines = [json.dumps({"text": text}).encode() for text in texts] + [b"\xff\xfe", b'{"text": "my husband beats me"}']
    done = subprocess.run(
        [sys.executable, "-m", "koudmen.cli", "classify", "--offline"], cwd=ROOT, input=b"\n".join(lines),
        capture_output=True, check=False,
    )  # fmt: skip
    answers = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(lines)
    assert answers[-1]["concern"] == "domestic_violence"
    assert b"Traceback" not in done.stderr
    assert all(answer.get("intent") for answer in answers[: len(ALL)])
    assert all("error" in answer or answer["intent"] for answer in answers)


FORMS = ("/accounts/new", "/me", "/setup", "/sign-in", "/again", "/rota/shift", "/rota/override")
FIELDS = ("name", "phone", "email", "role", "language", "code", "account", "password")
PAGES = ("/directory", "/audit", "/queue", "/unread", "/sign-in")
FILTERS = ("q", "actor", "subject", "need", "page", "then")


def test_the_staff_site_takes_them_or_says_no(app: Flask, signed_in: SignedIn) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client, faults = signed_in("administrator").client, []
    for name, words in ALL.items():
        asked = [(path, client.post(path, data=dict.fromkeys(FIELDS, words))) for path in FORMS]
        short = words[:900]  # an address is no longer than the server's line
        asked += [(path, client.get(path, query_string=dict.fromkeys(FILTERS, short))) for path in PAGES]
        faults += [(name, path, answer.status_code) for path, answer in asked if answer.status_code >= 500]
    assert faults == []


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_an_import_takes_them_or_says_what_is_wrong(session: Session, tmp_path: Path, ending: str) -> None:
    before = session.scalar(select(func.count()).select_from(Service)) or 0
    for number, words in enumerate((*ALL.values(), *JSON_ONLY.values())):
        path = tmp_path / f"{number}.{ending}"
        if ending == "csv":
            cells = dict.fromkeys(NAMES, "") | {"organisation": words, "service": words, "needs": "food"}
            line = ",".join('"' + cells[one].replace('"', '""') + '"' for one in NAMES)
            path.write_bytes(f"{','.join(NAMES)}\n{line}".encode("utf-8", "surrogatepass"))
        else:
            one = {"id": "7f7b1c4e-0000-4000-8000-000000000001", "name": words, "status": words}
            path.write_text(json.dumps({"contents": [one]}), encoding="utf-8")
        with suppress(InvalidInput):  # said in one sentence; anything else fails this test
            take_in(session, path, form=forms.guess(path), dry_run=False, confidential=True)
    assert (session.scalar(select(func.count()).select_from(Service)) or 0) >= before


def test_the_open_data_takes_them_as_words(open_web: Caller) -> None:
    faults, fields = [], ("search", "taxonomy_term_id", "organization_id", "modified_after", "page", "format", "parish")
    for number, (name, words) in enumerate(ALL.items()):
        short, asker = quote(words[:300]), f"203.0.113.{number}"  # each with a ration of its own
        paths = [f"/hsds/services?{field}={short}" for field in fields] + [f"/hsds/services/{short}"]
        answers = [(path[:25], open_web.get(path, X_Forwarded_For=asker).status) for path in paths]
        faults += [(name, path, status) for path, status in answers if status not in {200, 400, 404, 414, 422}]
    assert faults == []
    assert b'"total_items":0' not in open_web.get("/hsds/services").data, "the directory is still there"
