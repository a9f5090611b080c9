"""An RQ worker in this process (no fork per job), which says that it is alive."""

import threading
import time
from collections.abc import Callable, Sequence

from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy.exc import SQLAlchemyError

from base import log
from base.db import transaction
from base.errors import ConfigError
from base.heartbeat import beat
from koudmen import jobs

BEAT_S = 10.0
logger = log.get(__name__)


def run(kinds: Sequence[str]) -> None:
    """Serve the queues named, until SIGTERM (the job in hand is finished first)."""
    settings = jobs.runtime().settings
    log.setup(f"worker {' '.join(kinds)}", level=settings.log_level)
    if not settings.redis_url:
        raise ConfigError("REDIS_URL is not set")
    name = f"worker {' '.join(kinds)}"
    if "turn" in kinds:
        jobs.runtime().drain.warm()
    threading.Thread(target=_beating, args=(name, _note), daemon=True, name="beat").start()
    redis = Redis.from_url(settings.redis_url, socket_connect_timeout=5)
    queues = [Queue(kind, connection=redis, serializer=JSONSerializer) for kind in kinds]
    worker = SimpleWorker(queues, connection=redis, serializer=JSONSerializer, worker_ttl=60)
    worker.log_job_description = False
    worker.work(logging_level="WARNING", with_scheduler=False)


def _note() -> str:
    return "ok" if jobs.runtime().nlu.available else "ok, rasa away"


def _beating(name: str, note: Callable[[], str]) -> None:
    while True:
        try:
            with transaction(jobs.runtime().sessions) as session:
                beat(session, name, note())
        except SQLAlchemyError as error:
            logger.warning("no heartbeat", error_type=type(error).__name__)
        time.sleep(BEAT_S)
