"""The public application alone, as a process behind gunicorn: what a webhook answers needs no worker and no Rasa."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.base.test_settings import write_config
from tests.conftest import KEYS
from tests.fakes.twilio_ground import ACCOUNT_SID, AUTH_TOKEN, SMS_FROM, WHATSAPP_FROM
from tests.service import Service, free_port
from tests.webhooks.caller import Caller

# What Twilio knows us by: not where the process really is, as behind a proxy that ends TLS.
PUBLIC = "https://koudmen.example"
OLD_KEY, NEW_KEY = ("KEYOLD", "the-old-shared-secret"), ("KEYNEW", "the-new-shared-secret")
GATEWAY_SECRET, METRICS_TOKEN = "the-gateway-secret", "the-metrics-token"


@pytest.fixture(scope="session")
def twilio_process(tmp_path_factory: pytest.TempPathFactory, database_url: str, redis_url: str) -> Iterator[Service]:
    """Twilio on (so the simulator is off), no gateway, metrics open."""
    port = free_port()
    env = {
        "KOUDMEN_HOME": str(tmp_path_factory.mktemp("web")), "KOUDMEN_KEYS": KEYS, "KOUDMEN_REHEARSAL": "1",
        "DATABASE_URL": database_url, "REDIS_URL": redis_url, "PORT": str(port), "PUBLIC_BASE_URL": PUBLIC,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID, "TWILIO_AUTH_TOKEN": AUTH_TOKEN, "TWILIO_SMS_FROM": SMS_FROM,
        "TWILIO_WHATSAPP_FROM": WHATSAPP_FROM,
        "TWILIO_SHARED_KEYS": f"{OLD_KEY[0]}:{OLD_KEY[1]} {NEW_KEY[0]}:{NEW_KEY[1]}",
    }  # fmt: skip
    yield from _running(env, tmp_path_factory)


@pytest.fixture(scope="session")
def open_process(tmp_path_factory: pytest.TempPathFactory, database_url: str, redis_url: str) -> Iterator[Service]:
    """Twilio off, the simulator and the gateway on, metrics behind a token."""
    env = {
        "KOUDMEN_HOME": str(tmp_path_factory.mktemp("web")), "KOUDMEN_KEYS": KEYS, "KOUDMEN_REHEARSAL": "1",
        "KOUDMEN_CONFIG": str(write_config(tmp_path_factory.mktemp("config"), at="channels.simulator", value="on")),
        "DATABASE_URL": database_url, "REDIS_URL": redis_url, "PORT": str(free_port()),
        "KOUDMEN_GATEWAY_SECRET": GATEWAY_SECRET,
        "KOUDMEN_METRICS_TOKEN": METRICS_TOKEN,
        "KOUDMEN_GATEWAY_URL": "http://127.0.0.1:1/nobody-sends-here",
    }  # fmt: skip
    yield from _running(env, tmp_path_factory)


def _running(env: dict[str, str], folders: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(env, folders.mktemp("logs"))
    service.start("web")
    yield service
    service.stop()


@pytest.fixture
def twilio_web(engine: Engine, twilio_process: Service) -> Caller:
    """A caller of the first process, on an emptied database."""
    return Caller(twilio_process.url, PUBLIC)


@pytest.fixture
def open_web(engine: Engine, open_process: Service) -> Caller:
    """A caller of the second process, on an emptied database."""
    return Caller(open_process.url, PUBLIC)
