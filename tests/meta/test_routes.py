"""What can be reached from outside without signing in, each with the reason. A new route must be entered here."""

from flask import Flask

import dashboard.app
import webhooks.app
from base.settings import Settings
from tests.conftest import make_settings

# method and rule -> why nobody signs in for it
PUBLIC = {
    "POST /webhooks/twilio/inbound": "Twilio signs it",
    "POST /webhooks/twilio/status": "Twilio signs it",
    "POST /webhooks/twilio/voice": "Twilio signs it; a call to an officer",
    "POST /webhooks/twilio/page": "Twilio signs it; what became of a page",
    "POST /webhooks/gateway/inbound": "the gateway signs it; 404 without its secret",
    "GET /healthz": "says ok and nothing else",
    "GET /readyz": "names parts and counts, nobody",
    "GET /metrics": "counts; behind KOUDMEN_METRICS_TOKEN when set",
    "GET /hsds/": "the directory as open data (HSDS): nothing confidential, nobody's person in it",
    "GET /hsds/openapi.json": "describes the above",
    "GET /hsds/profile": "describes the above",
    "GET /hsds/profile/<name>.json": "describes the above",
    "GET /hsds/services": "open data",
    "GET /hsds/services/<key>": "open data",
    "GET /hsds/organizations": "open data",
    "GET /hsds/organizations/<key>": "open data",
    "GET /hsds/service_at_locations": "open data",
    "GET /hsds/service_at_locations/<key>": "open data",
    "GET /hsds/taxonomies": "open data",
    "GET /hsds/taxonomies/<key>": "open data",
    "GET /hsds/taxonomy_terms": "open data",
    "GET /hsds/taxonomy_terms/<key>": "open data",
}
SIMULATOR = {
    "GET /simulator": "the phone's page, the same for all; only where the simulator is on",
    "GET /simulator/static/<path:name>": "its script and style",
    "GET /simulator/messages": "the thread of a simulated number, on channels that no real phone has",
    "POST /simulator/messages": "what is typed on it",
}
TWILIO = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "x", "TWILIO_SMS_FROM": "+17675550199"}


def routes(app: Flask) -> set[str]:
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE"}
    return {
        f"{method} {rule.rule}" for rule in app.url_map.iter_rules() for method in methods & (rule.methods or set())
    }


def test_the_public_application_has_these_and_no_others(settings: Settings) -> None:
    assert routes(webhooks.app.create_app(settings)) == set(PUBLIC | SIMULATOR)


def test_on_twilio_the_simulator_s_are_not_there(settings: Settings) -> None:
    env = {"DATABASE_URL": settings.database_url or "", "KOUDMEN_REHEARSAL": "1"}
    on_twilio = make_settings(settings.home, **TWILIO, **env)
    assert routes(webhooks.app.create_app(on_twilio)) == set(PUBLIC)


def test_the_two_applications_share_only_what_tells_nothing(settings: Settings) -> None:
    shared = routes(webhooks.app.create_app(settings)) & routes(dashboard.app.create_app(settings))
    assert shared == {"GET /healthz"}
