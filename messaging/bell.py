"""The bell: tells workers through RQ that there is work. It carries nothing, and losing it costs only time.

A bell that has been rung and not yet heard is not rung again, so a flood of messages puts a handful of jobs in
Redis, not one a message; a job works until there is nothing left.
"""

import time
from typing import Literal

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from base import log

Work = Literal["turn", "send", "protect"]
_UNHEARD_S = 30
_REST_S = 2.0
logger = log.get(__name__)


class Bell:
    """Rings for turns and sends. Never raises: without Redis the sweeper finds the work."""

    def __init__(self, redis_url: str | None) -> None:
        self.redis = Redis.from_url(redis_url, socket_timeout=0.5, socket_connect_timeout=0.3) if redis_url else None
        self.queues: dict[str, Queue] = {}
        self.quiet_until = 0.0

    def ring(self, work: Work) -> bool:
        """Ring once; True when a worker will hear it."""
        if not self.redis or time.monotonic() < self.quiet_until:
            return False
        try:
            if self.redis.set(_key(work), 1, nx=True, ex=_UNHEARD_S):
                self._queue(work).enqueue(f"koudmen.jobs.{work}", description=work, failure_ttl=3600, result_ttl=0)
        except (RedisError, OSError) as error:
            self.quiet_until = time.monotonic() + _REST_S
            logger.warning("bell not rung", error_type=type(error).__name__, queue=work)
            return False
        return True

    def heard(self, work: Work) -> None:
        """A worker has begun: the next message may ring again."""
        if self.redis:
            try:
                self.redis.delete(_key(work))
            except (RedisError, OSError):
                self.quiet_until = time.monotonic() + _REST_S

    def _queue(self, work: Work) -> Queue:
        if work not in self.queues:
            self.queues[work] = Queue(work, connection=self.redis, serializer=JSONSerializer)
        return self.queues[work]


def _key(work: str) -> str:
    return f"koudmen:bell:{work}"
