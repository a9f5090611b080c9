"""Every route of the staff site, asked by each role with rubbish in address, query and form: never a 5xx."""

import random
import uuid

import pytest
from flask import Flask
from werkzeug.routing import Rule

from oncall.models.staff import ROLES
from tests.dashboard.conftest import SignedIn
from tests.dashboard.test_routes import routes

SEED = 20261124
RUBBISH = (
    "", " ", "0", "-1", "7", "99999999999999999999", "1e309", "NaN", "null", "true", "'", '"><script>', "../../etc",
    "%00", "\u202e", "\U0001f600", "a" * 5000, "=1+1", "2026-02-30", "2026-11-24",
    "0001-01-01T00:00", "9999-12-31T23:59",
    "2026-11-24T08:00+05:00", "Mon-Fri 25:00-99:99", "{}", "[]", "officer", str(uuid.UUID(int=7)), "en", "yes", "4821",
    "; DROP TABLE staff", "٣", "\r\nX: y", "+17675550100", "ada@example.org",
)  # fmt: skip
# every name that a view reads; a wrong one does no harm
NAMES = (
    "week", "level", "staff", "replaces", "start", "end", "name", "days", "windows", "one", "other", "answer", "phone",
    "email", "role", "language", "page_by", "other_way", "ended", "actor", "action", "subject", "case", "day", "before",
    "then", "code", "password", "account", "state", "severity", "owner", "page", "q", "text", "need", "concern", "from",
    "to", "month", "kind", "reason", "parish",
)  # fmt: skip
TRIES = 4


def addresses(app: Flask, rule: Rule, chance: random.Random) -> str:
    """An address of the rule with rubbish in its open places."""
    values: dict[str, object] = {}
    for name, kind in rule._converters.items():
        values[name] = chance.choice([word for word in RUBBISH if word and "/" not in word])
        if choices := getattr(kind, "items", None):
            values[name] = chance.choice(sorted(choices))
        elif type(kind).__name__ == "UUIDConverter":
            values[name] = uuid.UUID(int=chance.getrandbits(100))
        elif type(kind).__name__ == "IntegerConverter":
            values[name] = chance.choice((0, 1, 2**31, 2**63, 10**30))
    with app.test_request_context():
        return app.url_map.bind("localhost").build(rule.endpoint, values, method=None)


@pytest.mark.parametrize("role", ROLES)
def test_rubbish_never_breaks_a_page(app: Flask, signed_in: SignedIn, role: str) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    chance, faults = random.Random(f"{SEED} {role}"), []
    for name, rule in routes(app).items():
        if rule.rule in {"/live", "/sign-out"} or rule.endpoint == "static":
            continue
        for _ in range(TRIES):
            client, method = signed_in(role).client, name.split()[0]
            told = {field: [chance.choice(RUBBISH) for _ in range(chance.choice((1, 1, 3)))] for field in NAMES}
            some = {field: words for field, words in told.items() if chance.random() < 0.7}
            answer = client.open(
                addresses(app, rule, chance), method=method, query_string=some if method == "GET" else None,
                data=some if method != "GET" else None,
            )  # fmt: skip
            if answer.status_code >= 500:
                faults.append((name, answer.status_code))
            answer.close()
    assert faults == []
