"""Every route of the staff application, and who may ask for it. A new route must be entered here; then it is tried for
every role, and signed out."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.routing import Rule

from dashboard.guard import FRAGMENT
from dashboard.models import StaffSession
from dashboard.permissions import actions
from oncall.models.staff import ROLES
from tests.dashboard.conftest import SignedIn

ALL = frozenset(ROLES)
CASES = frozenset({"officer", "supervisor"})
SUPERVISOR = frozenset({"supervisor"})
READERS = frozenset({"officer", "supervisor", "editor"})
EDITORS = frozenset({"editor"})
# method and rule -> why nobody signs in for it
PUBLIC = {
    "GET /healthz": "says ok and nothing else",
    "GET /": "sends on",
    "GET /static/<path:filename>": "style, scripts, icon",
    "GET /calendar/<uuid:staff_id>/<token>.ics": "a keyed hash is the key",
    "GET /sign-in": "here one signs in",
    "POST /sign-in": "here one signs in",
    "GET /sign-in/code": "the second half",
    "POST /sign-in/code": "the second half",
    "POST /sign-in/passkey/ask": "with a passkey",
    "POST /sign-in/passkey": "with a passkey",
    "GET /sign-in/ministry": "sends on to the ministry's own sign-in",
    "GET /sign-in/ministry/back": "comes back from it",
    "GET /setup": "a first sign-in",
    "POST /setup": "a first sign-in",
}
SEE_ROTA = frozenset({"officer", "supervisor", "administrator"})
PLAN = frozenset({"supervisor", "administrator"})
RUN = frozenset({"administrator"})
# method and rule -> the roles that may
STAFF: dict[str, frozenset[str]] = {
    "GET /again": ALL,
    "POST /again": ALL,
    "POST /sign-out": ALL,
    "GET /me": ALL,
    "GET /me/second": ALL,
    "POST /me/totp": ALL,
    "POST /me/totp/remove": ALL,
    "GET /me/recovery": ALL,
    "POST /me/recovery": ALL,
    "POST /me/password": ALL,
    "POST /me/calendar": ALL,
    "POST /me/passkeys/ask": ALL,
    "POST /me/passkeys": ALL,
    "POST /me/passkeys/<uuid:passkey_id>/remove": ALL,
    "POST /me/sessions/<uuid:session_id>/end": ALL,
    "GET /c/<code>": CASES,
    "GET /c/<code>/thread": CASES,
    "GET /c/<code>/record": CASES,
    "POST /c/<code>/open": CASES,
    "POST /c/<code>/pass": CASES,
    "POST /c/<code>/contacted": CASES,
    "POST /c/<code>/reply": CASES,
    "POST /c/<code>/canned": CASES,
    "POST /c/<code>/writing": CASES,
    "POST /c/<code>/note": CASES,
    "POST /c/<code>/translation": CASES,
    "POST /c/<code>/consent": CASES,
    "POST /c/<code>/withdraw": CASES,
    "POST /c/<code>/wish": CASES,
    "POST /c/<code>/severity": CASES,
    "POST /c/<code>/step": CASES,
    "POST /c/<code>/services": CASES,
    "POST /c/<code>/refer": CASES,
    "POST /c/<code>/referral": CASES,
    "POST /c/<code>/close": CASES,
    "POST /c/<code>/merge": CASES,
    "POST /c/<code>/take": CASES,
    "POST /c/<code>/take-over": SUPERVISOR,
    "POST /c/<code>/approve": SUPERVISOR,
    "POST /c/<code>/refuse": SUPERVISOR,
    "GET /rota": SEE_ROTA,
    "GET /rota/shift": PLAN,
    "POST /rota/shift": PLAN,
    "GET /rota/rotation": PLAN,
    "POST /rota/rotation": PLAN,
    "GET /rota/override": PLAN,
    "POST /rota/override": PLAN,
    "POST /rota/shift/<uuid:shift_id>/cancel": PLAN,
    "POST /rota/rotation/<uuid:rotation_id>/end": PLAN,
    "POST /rota/override/<uuid:override_id>/cancel": PLAN,
    "GET /rota/swap": SEE_ROTA,
    "POST /rota/swap": SEE_ROTA,
    "POST /rota/swap/<uuid:swap_id>": SEE_ROTA,
    "POST /rota/test/<uuid:staff_id>": PLAN,
    "GET /accounts": RUN,
    "GET /accounts/new": RUN,
    "POST /accounts/new": RUN,
    "GET /accounts/<uuid:staff_id>": RUN,
    "POST /accounts/<uuid:staff_id>/work": RUN,
    "POST /accounts/<uuid:staff_id>/reach": RUN,
    "POST /accounts/<uuid:staff_id>/verify": RUN,
    "POST /accounts/<uuid:staff_id>/reset": RUN,
    "POST /accounts/<uuid:staff_id>/sessions/end": RUN,
    "POST /accounts/<uuid:staff_id>/end": RUN,
    "GET /roles": PLAN,
    "POST /roles/<uuid:staff_id>": PLAN,
    "GET /audit": PLAN,
    "POST /audit/verify": PLAN,
    "GET /audit/log.jsonl": PLAN,
    "GET /audit/log.csv": PLAN,
    "GET /health": RUN,
    "POST /health/replay/<uuid:outbound_id>": RUN,
    "GET /directory": READERS,
    "GET /directory/<uuid:service_id>": READERS,
    "POST /directory/<any(phone, schedule, location_address, service):kind>/<uuid:row_id>/verify": EDITORS,
    "POST /directory/tasks/<uuid:task_id>/done": EDITORS,
    "GET /directory/stale": READERS,
    "GET /directory/coverage": READERS,
    "GET /directory/coverage/island.svg": READERS,
    "GET /directory/coverage/table.svg": READERS,
    "GET /directory/coverage.<any(svg, csv):form>": READERS,
    "GET /directory/rows/<table>/<uuid:key>": EDITORS,
    "POST /directory/rows/<table>/<uuid:key>": EDITORS,
    "POST /directory/rows/<table>/<uuid:key>/retire": EDITORS,
    "GET /directory/<uuid:service_id>/add/<table>": EDITORS,
    "POST /directory/<uuid:service_id>/add/<table>": EDITORS,
    "POST /directory/texts/<uuid:key>/review": EDITORS,
    "GET /directory/<uuid:service_id>/history": READERS,
    "GET /directory/<uuid:service_id>/texts": READERS,
    "POST /directory/changes/<uuid:key>/restore": EDITORS,
    "GET /directory/files": EDITORS,
    "POST /directory/files": EDITORS,
    "GET /directory/files/<any(template, directory):name>.<any(csv, xlsx, json):form>": EDITORS,
    "GET /directory/duplicates": EDITORS,
    "POST /directory/duplicates": EDITORS,
    "GET /reports": frozenset({"analyst"}),
    "GET /reports/<code>.<kind>": frozenset({"analyst"}),
    "GET /unread": CASES,
    "GET /unread/<int:unread_id>": CASES,
    "POST /unread/<int:unread_id>/answer": CASES,
    "POST /unread/<int:unread_id>/close": CASES,
    "POST /unread/<int:unread_id>/case": CASES,
    "POST /unread/<int:unread_id>/label": CASES,
    "GET /unread/examples": CASES,
    "POST /unread/examples/<int:example_id>/approve": CASES,
    "POST /unread/examples/<int:example_id>/reject": CASES,
    "GET /queue": CASES,
    "GET /queue/rows": CASES,
    "GET /live": CASES,
    "POST /queue/<code>/take": CASES,
}
VALUES = {"UUIDConverter": uuid.UUID(int=7), "IntegerConverter": 7}
CHOICES = {"kind": "phone", "table": "phone", "name": "directory"}
FORMS = {"directory.coverage_file": "svg", "edit.file": "csv"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(app: Flask) -> dict[str, Rule]:
    return {f"{m} {r.rule}": r for r in app.url_map.iter_rules() for m in METHODS if m in (r.methods or set())}


def address(app: Flask, rule: Rule) -> str:
    """An address of a rule, with ids that nobody has."""
    with app.test_request_context():
        kinds = {name: type(kind).__name__ for name, kind in rule._converters.items()}
        known = CHOICES | {"form": FORMS.get(rule.endpoint, "")}
        values = {name: known.get(name) or VALUES.get(kind, "7") for name, kind in kinds.items()}
        return app.url_map.bind("localhost").build(rule.endpoint, values, method=None)


def test_every_route_is_listed(app: Flask) -> None:
    assert set(routes(app)) == set(PUBLIC) | set(STAFF)


def test_the_marks_in_the_code_agree_with_the_lists(app: Flask) -> None:
    for name, rule in routes(app).items():
        marks = app.view_functions[rule.endpoint].__dict__
        assert ("public" in marks or rule.endpoint == "static") == (name in PUBLIC), name
        assert ("needs" in marks) == (name in STAFF), name


def test_signed_out_nothing_opens(app: Flask) -> None:
    client = app.test_client()
    app.config["WTF_CSRF_ENABLED"] = False
    for name, rule in routes(app).items():
        if name in STAFF:
            answer = client.open(address(app, rule), method=name.split()[0])
            assert answer.status_code == 303, name
            assert answer.headers["Location"].startswith("/sign-in"), name
            bare = client.open(address(app, rule), method=name.split()[0], headers={FRAGMENT: "1"})
            assert bare.status_code == 401, name


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_what_is_listed_and_no_more(app: Flask, signed_in: SignedIn, role: str) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    for name, rule in routes(app).items():
        if name in STAFF:
            browser = signed_in(role).client
            answer = browser.open(address(app, rule), method=name.split()[0], buffered=False)
            answer.close()
            assert (answer.status_code != 403) == (role in STAFF[name]), (name, answer.status_code)
            assert answer.status_code < 500, name


def test_a_form_without_the_page_s_token_changes_nothing(app: Flask, signed_in: SignedIn) -> None:
    for name, rule in routes(app).items():
        if name.startswith("POST"):
            browser = signed_in("officer").client
            answer = browser.post(address(app, rule))
            assert answer.status_code == 400, name
            assert "open for too long" in answer.text, name


def test_by_the_role_that_reads_reports_nobody_is_reached() -> None:
    """Reports, the own account, and nothing else; and no role that reaches somebody reads reports by itself."""
    assert actions(["analyst"]) == {"see reports", "export reports", "own account"}
    assert {path for path, roles in STAFF.items() if "analyst" in roles and roles != ALL} == {
        "GET /reports", "GET /reports/<code>.<kind>",
    }  # fmt: skip
    for role in set(ROLES) - {"analyst"}:
        assert not {"see reports", "export reports"} & actions([role]), role


def test_a_view_that_nobody_marked_is_closed(app: Flask, signed_in: SignedIn) -> None:
    app.add_url_rule("/forgotten", view_func=lambda: "secret", endpoint="forgotten")
    assert signed_in("administrator").get("/forgotten").status_code == 403


def test_what_no_person_asks_for_is_held_back_and_nobody_else_with_it(app: Flask, signed_in: SignedIn) -> None:
    app.extensions["koudmen"].buckets.burst, app.extensions["koudmen"].buckets.per_minute = 20, 1
    one, other = signed_in("officer"), signed_in("officer")
    answers = [one.get("/me") for _ in range(30)]
    assert {answer.status_code for answer in answers[:15]} == {200}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert other.get("/me").status_code == 200


BOUNDARY = "xxxxxxxxxx"


def sent(client: FlaskClient, path: str, size: int) -> int:
    """The answer to a file of so many bytes. The body says how much of it was read: none of one that is refused."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    ).encode()
    body = head + b"x" * size + f"\r\n--{BOUNDARY}--\r\n".encode()
    return client.post(path, data=body, content_type=f"multipart/form-data; boundary={BOUNDARY}").status_code


def test_a_large_body_is_read_of_nobody_but_who_may_send_one(
    app: Flask, signed_in: SignedIn, sessions: sessionmaker[Session]
) -> None:
    """Before signing in 64 KB, then 1 MB; a large file only from who may import it and has proved who they are."""
    app.config["WTF_CSRF_ENABLED"] = False
    nobody, officer, editor = app.test_client(), signed_in("officer").client, signed_in("editor").client
    large, form = 3 * 1024 * 1024, 100 * 1024
    assert sent(nobody, "/sign-in", form) == 413
    assert sent(nobody, "/directory/files", form) == 413
    assert sent(officer, "/me/password", form) != 413
    assert sent(officer, "/me/password", large) == 413
    assert sent(officer, "/directory/files", large) == 413
    assert sent(editor, "/me/password", large) == 413
    assert sent(editor, "/directory/files", large) == 200, "read, and told what is wrong with it"
    assert sent(editor, "/directory/files", 21 * 1024 * 1024) == 413
    with sessions() as session, session.begin():
        session.execute(update(StaffSession).values(proved_at=datetime.now(UTC) - timedelta(minutes=11)))
    assert sent(editor, "/directory/files", large) == 303, "asked to prove who they are, and nothing was parsed"
    assert sent(editor, "/directory/files", 21 * 1024 * 1024) == 413
    assert sent(officer, "/directory/files", large) == 413
    assert sent(editor, "/me/password", large) == 413


def test_the_token_of_the_page_is_looked_for_in_no_large_body(app: Flask) -> None:
    assert sent(app.test_client(), "/sign-in", 100 * 1024) == 413
