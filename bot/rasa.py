"""Asks Rasa what a text means, over HTTP on loopback, with a time limit, a breaker and a memory of past answers."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import orjson
import urllib3

from base import log

logger = log.get(__name__)
REMEMBERED = 20_000
REMEMBERED_S = 60.0  # what is remembered is used only this long after Rasa last told which model it has


@dataclass(frozen=True)
class Parsed:
    """Rasa's reading: an intent (`find`, `disclose` or a plain one) and the best need and concern, each with its
    confidence between 0 and 1."""

    intent: str
    intent_confidence: float
    need: str | None
    need_confidence: float
    concern: str | None
    concern_confidence: float


class NluClient(Protocol):
    """Reads one normalised text in a language (None: unknown). None as an answer: nobody is there to ask."""

    def parse(self, text: str, language: str | None) -> Parsed | None: ...

    @property
    def available(self) -> bool: ...


class Away:
    """The client when there is no Rasa: keywords and the lexicon go on alone."""

    available = False

    def parse(self, text: str, language: str | None) -> Parsed | None:
        return None


class Rasa:
    """Rasa's `/model/parse`. After `failures` errors in a row it is left alone for `pause`."""

    def __init__(self, url: str, token: str | None, *, timeout: timedelta, failures: int, pause: timedelta) -> None:
        self.url = f"{url.rstrip('/')}/model/parse" + (f"?token={token}" if token else "")
        limit = urllib3.Timeout(total=timeout.total_seconds())
        self.http = urllib3.PoolManager(maxsize=8, block=False, timeout=limit, retries=False)
        self.failures, self.pause_s = failures, pause.total_seconds()
        self.failed, self.closed_until = 0, 0.0
        self.known: OrderedDict[tuple[str | None, str], Parsed] = OrderedDict()
        self.model, self.told_at = "", 0.0
        self.lock = threading.Lock()

    @property
    def available(self) -> bool:
        """False while the breaker is open."""
        return time.monotonic() >= self.closed_until

    def parse(self, text: str, language: str | None) -> Parsed | None:
        key = (language, text)
        with self.lock:
            known = self.known.get(key)
            if known:
                self.known.move_to_end(key)
        if known and time.monotonic() < self.told_at + REMEMBERED_S:
            return known
        if not self.available:
            return known
        return self._ask(f"{language or ''}|{text}", key) or known

    def _ask(self, text: str, key: tuple[str | None, str]) -> Parsed | None:
        try:
            answer = self.http.request(
                "POST", self.url, body=orjson.dumps({"text": text}), headers={"Content-Type": "application/json"}
            )
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
            told = orjson.loads(answer.data)
            parsed = read_answer(told)
        except (urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._count_failure(type(error).__name__)
            return None
        self.failed = 0
        self._remember(key, parsed, str(told.get("model") or ""))
        return parsed

    def _count_failure(self, kind: str) -> None:
        self.failed += 1
        if self.failed >= self.failures:
            self.closed_until, self.failed = time.monotonic() + self.pause_s, 0
            logger.warning("rasa is away, keywords go on alone", error_type=kind, seconds=self.pause_s)

    def _remember(self, key: tuple[str | None, str], parsed: Parsed, model: str) -> None:
        """Keep an answer; an answer of another model than before drops all that was kept."""
        with self.lock:
            if model != self.model:
                self.known.clear()
            self.model, self.told_at = model, time.monotonic()
            self.known[key] = parsed
            while len(self.known) > REMEMBERED:
                self.known.popitem(last=False)


def read_answer(answer: dict[str, Any]) -> Parsed:
    """Rasa's JSON as a `Parsed`; raises when a part is missing."""
    need, concern = answer.get("need") or {}, answer.get("concern") or {}
    return Parsed(
        str(answer["intent"]["name"] or "other"),
        float(answer["intent"]["confidence"]),
        need.get("name"),
        float(need.get("confidence") or 0),
        concern.get("name"),
        float(concern.get("confidence") or 0),
    )
