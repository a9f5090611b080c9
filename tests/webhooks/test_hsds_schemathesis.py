"""The API against its own OpenAPI document: generated requests, right and wrong, none of which may break it."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from sqlalchemy.orm import Session, sessionmaker

import webhooks.app
from base.settings import Settings
from directory.hsds import openapi
from tests.webhooks.hsds_world import make_world

EXAMPLES = 12  # for each operation and way
PATHS = openapi.document("http://127.0.0.1/hsds", "")["paths"]
RIGHT, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
CASES = [(path, RIGHT) for path in PATHS] + [(path, WRONG) for path, item in PATHS.items() if item["get"]["parameters"]]


@pytest.fixture
def contract(settings: Settings, sessions: sessionmaker[Session]) -> Iterator[Any]:
    """The document as the application serves it, without its limit of requests."""
    plenty = settings.config.hsds.model_copy(update={"per_minute": 1_000_000, "burst": 1_000_000})
    config = settings.config.model_copy(update={"hsds": plenty})
    with make_world(sessions):
        app = webhooks.app.create_app(settings.model_copy(update={"config": config}))
        yield schemathesis.openapi.from_wsgi("/hsds/openapi.json", app)
        app.extensions["koudmen"].engine.dispose()


@pytest.mark.parametrize(("path", "mode"), CASES)
def test_no_request_breaks_the_contract(contract: Any, path: str, mode: GenerationMode) -> None:
    """Every check of schemathesis: no 5xx, only documented codes, types and bodies, right requests taken, wrong ones
    refused, methods that are not there told so."""
    seen = []

    @seed(20261123)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=contract[path]["GET"].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        seen.append(case.call_and_validate().status_code)

    ask()
    assert seen
