"""`python -m tests.bench.case_page`: how long the staff site takes for a case's page beside a million messages.

10,000 open cases, 90,000 closed ones; each open case has ten messages that came in and ten that went out, events and a
checklist. The whole request is measured, in this process: sign-in, permissions, page, fragment. The last line is one
JSON object; the exit code is 0 only when the slowest twentieth of the pages stays below the aim. `--explain` prints
the plans of the page's statements that touch messages, cases and events.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select, text
from sqlalchemy.orm import Session, sessionmaker

from base.clock import now
from base.crypto import new_key_text, parse_keys
from base.db import keys, make_engine, make_sessions, transaction, use_keys
from base.settings import load_settings
from dashboard import guard
from dashboard.accounts import codes, passwords
from dashboard.accounts import sessions as places
from dashboard.app import create_app
from directory import load
from koudmen.database import upgrade_at
from koudmen.embedded import embedded_postgres
from oncall import checklist, staff
from oncall.models import Case
from tests.bench.load import percentile

AIM_MS = 200.0
TALKS, OPEN, CLOSED, EACH = 50_000, 10_000, 90_000, 10
LOOKS = 200
FILL = (
    "INSERT INTO contact (id) SELECT gen_random_uuid() FROM generate_series(1, {talks})",
    "INSERT INTO address (id, contact_id, channel, lookup, value) SELECT gen_random_uuid(), id, 'sim_sms',"
    " sha256(id::text::bytea), :word FROM contact",
    "INSERT INTO conversation (id, address_id, last_inbound_at, language) SELECT gen_random_uuid(), id, now(), 'ht'"
    " FROM address",
    "CREATE TEMP TABLE talk AS SELECT id, row_number() OVER () AS n FROM conversation",
    "INSERT INTO inbound_message (provider, external_id, conversation_id, kind, body, received_at, handled_at)"
    " SELECT 'test', 'SM' || n || '-' || k, id, 'text', :came, now() - k * interval '1 minute', now()"
    " FROM generate_series(1, {each}) AS k, talk",
    "INSERT INTO outbound_message (id, conversation_id, channel, lane, body, segments, state, delivery, created_at)"
    " SELECT gen_random_uuid(), id, 'sim_sms', 0, :went, 1, 'accepted', 'delivered', now() - k * interval '1 minute'"
    " FROM generate_series(1, {each}) AS k, talk",
    'INSERT INTO "case" (id, code, conversation_id, state, severity, concerns, opened_at, closed_at, page_due_at)'
    " SELECT gen_random_uuid(), 1000 + n % 9000, id, 'closed', 'high', '{{danger}}', now(), now(), NULL"
    " FROM talk, generate_series(1, 9) WHERE n <= {closed} / 9",
    'INSERT INTO "case" (id, code, conversation_id, state, severity, concerns, language)'
    " SELECT gen_random_uuid(), 100000 + n, id, 'paged', 'high', '{{domestic_violence}}', 'ht' FROM talk"
    " WHERE n <= {open}",
    "INSERT INTO case_event (case_id, kind, detail) SELECT id, 'note', :note FROM \"case\", generate_series(1, 10)",
    "ANALYZE",
)


def main() -> int:
    """Fill a database, look at cases and print."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.case_page", description=__doc__)
    options.add_argument("--explain", action="store_true")
    given = options.parse_args()
    ring = new_key_text()
    use_keys(parse_keys(ring))
    with tempfile.TemporaryDirectory(prefix="koudmen-bench-") as name:
        Path(name).chmod(0o755)  # PostgreSQL runs as another user when we are root
        with embedded_postgres(Path(name) / "home", durable=False) as url:
            engine = make_engine(url)
            upgrade_at(engine)
            sessions = make_sessions(engine)
            _fill(sessions)
            settings = load_settings({"KOUDMEN_HOME": name, "KOUDMEN_KEYS": ring, "DATABASE_URL": url})
            app = create_app(settings)
            app.config["WTF_CSRF_ENABLED"] = False
            with app.test_request_context():
                cookie = guard.cookie_name()
            client = app.test_client()
            client.set_cookie(cookie, _signed_in(sessions))
            found = _measured(client, sessions)
            if given.explain:
                _explain(client, app.extensions["koudmen"].sessions.kw["bind"])
            app.extensions["koudmen"].sessions.kw["bind"].dispose()
            engine.dispose()
    print(json.dumps(found | {"aim_ms": AIM_MS}))
    return 0 if found["page_p95_ms"] <= AIM_MS else 1


def _fill(sessions: sessionmaker[Session]) -> None:
    sizes = {"talks": TALKS, "each": EACH, "open": OPEN, "closed": CLOSED}
    words = {
        "word": keys().encrypt(b"+17675550100", "address.value"),
        "came": keys().encrypt(b"Li soti kounye a men l ap tounen", "inbound_message.body"),
        "went": keys().encrypt(b"Eske ou an sekirite kounye a?", "outbound_message.body"),
        "note": keys().encrypt(b'{"note": "called twice"}', "case_event.detail"),
    }
    with transaction(sessions) as session:
        load.seed(session, demo=True)
    with transaction(sessions) as session:
        for statement in FILL:
            used = {name: value for name, value in words.items() if f":{name}" in statement}
            session.execute(text(statement.format(**sizes)), used)


def _signed_in(sessions: sessionmaker[Session]) -> str:
    with transaction(sessions) as session:
        for number in range(20):
            staff.add(session, f"Officer {number}", ["officer"], now(), phone=f"+176755501{number:02}", verified=True)
        who = staff.add(session, "Ada", ["officer", "supervisor"], now(), phone="+17675550150", verified=True)
        codes.new_totp(session, who.id)
        passwords.of(session, who.id).totp_confirmed_at = now()
        return places.begin(session, who.id, "totp", "bench", now())


def _measured(client: FlaskClient, sessions: sessionmaker[Session]) -> dict[str, float]:
    chosen = random.Random(20261124).sample(range(1, OPEN), LOOKS)
    spent: dict[str, list[float]] = defaultdict(list)
    for number in chosen:
        code = str(100_000 + number)
        with transaction(sessions) as session:
            checklist.attach(session, session.scalars(select(Case).where(Case.code == code)).one(), now())
        for name, path in (("cover", ""), ("page", ""), ("fragment", "/thread")):
            begun, used = time.perf_counter(), time.process_time()
            answer = client.get(f"/c/{code}{path}")
            spent[name].append(time.perf_counter() - begun)
            spent[f"own_{name}"].append(time.process_time() - used)
            assert answer.status_code == 200
            assert ("tounen" in answer.text) == (name != "cover")
            if name == "cover":
                client.post(f"/c/{code}/open")
    return {
        f"{name}_p{share}_ms": round(percentile(sorted(times), share) * 1000, 1)
        for name, times in spent.items()
        for share in (50, 95)
    }


def _explain(client: FlaskClient, engine: Engine) -> None:
    """The plan of each statement of one page, by the parameters it was run with."""
    seen: list[tuple[str, object]] = []

    def note(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    client.get(f"/c/{100_001}")
    client.post(f"/c/{100_001}/open")
    client.get(f"/c/{100_001}")
    event.remove(engine, "before_cursor_execute", note)
    told = set()
    with engine.connect() as connection:
        for statement, parameters in seen:
            if statement in told or not statement.lstrip().upper().startswith("SELECT"):
                continue
            told.add(statement)
            plan = connection.exec_driver_sql("EXPLAIN (ANALYZE, COSTS OFF) " + statement, parameters)  # type: ignore[arg-type]
            lines = [row[0] for row in plan]
            if any(name in statement for name in ("message", '"case"', "case_event", "consent", "referral")):
                print("\n".join([statement[:100].replace("\n", " "), *lines, ""]))
    print(f"statements of a look and a page: {len(seen)}")


if __name__ == "__main__":
    sys.exit(main())
