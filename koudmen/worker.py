"""An RQ worker in this process (no fork per job), which says that it is alive."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError, RedisError, TimeoutError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from sqlalchemy.exc import SQLAlchemyError

from base import log
from base.db import transaction
from base.errors import ConfigError
from base.heartbeat import beat
from koudmen import jobs

BEAT_S = 10.0
AGAIN_S = 1.0
logger = log.get(__name__)


def run(kinds: Sequence[str], number: int = 1) -> None:
    """Serve the queues named, until SIGTERM (the job in hand is finished first)."""
    settings = jobs.runtime().settings
    log.setup(f"worker {' '.join(kinds)}", level=settings.log_level)
    if not settings.redis_url:
        raise ConfigError("REDIS_URL is not set")
    name = f"worker {' '.join(kinds)}" + (f" {number}" if number > 1 else "")
    if "turn" in kinds:
        jobs.runtime().drain.warm()
    threading.Thread(target=_beating, args=(name, _note), daemon=True, name="beat").start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    while not ended.is_set() and not _listen(settings.redis_url, kinds):
        jobs.by_hand(kinds)  # nobody can ring: look every second whether there is work
        ended.wait(AGAIN_S)


def _listen(redis_url: str, kinds: Sequence[str]) -> bool:
    """Work until asked to stop (True), or until Redis is lost or takes nothing (False)."""
    redis = Redis.from_url(redis_url, socket_connect_timeout=1)
    queues = [_Queue(kind, connection=redis, serializer=JSONSerializer) for kind in kinds]
    try:
        worker = _Worker(queues, connection=redis, serializer=JSONSerializer, worker_ttl=60)
        worker.log_job_description = False
        worker.work(logging_level="WARNING", with_scheduler=False)
    except RedisError as error:
        logger.warning("redis is away", error_type=type(error).__name__)
        return False
    return worker.asked_to_stop


class _Queue(Queue):
    """RQ's, whose worker ends when Redis is lost (it would wait for Redis, and nobody would be answered meanwhile)."""

    @classmethod
    def dequeue_any(cls, *given: Any, **named: Any) -> Any:
        try:
            return super().dequeue_any(*given, **named)
        except (ConnectionError, TimeoutError):
            raise StopRequested from None


class _Worker(SimpleWorker):
    """RQ's, which says whether it ended because it was asked to."""

    queue_class = _Queue
    asked_to_stop = False

    def handle_warm_shutdown_request(self) -> None:
        self.asked_to_stop = True
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]


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
