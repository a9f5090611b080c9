"""The API against its own OpenAPI document: generated requests, right and wrong, none of which may break it."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from sqlalchemy.orm import Session, sessionmaker

import webhooks.app
from base.settings import Settings
from tests.webhooks.hsds_world import make_world

EXAMPLES = 25  # for each operation


@pytest.fixture
def contract(settings: Settings, sessions: sessionmaker[Session]) -> Iterator[schemathesis.schemas.BaseSchema]:
    """The document as the application serves it, without its limit of requests."""
    plenty = settings.config.hsds.model_copy(update={"per_minute": 1_000_000, "burst": 1_000_000})
    config = settings.config.model_copy(update={"hsds": plenty})
    with make_world(sessions):
        app = webhooks.app.create_app(settings.model_copy(update={"config": config}))
        yield schemathesis.openapi.from_wsgi("/hsds/openapi.json", app)


schema = schemathesis.pytest.from_fixture("contract")


@seed(20261123)
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_no_request_breaks_the_contract(case: schemathesis.Case) -> None:
    case.call_and_validate()
