"""Asks Rasa what a text means, over HTTP on loopback, with a time limit, a breaker and a memory of past answers."""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import orjson
import urllib3

from base import log

logger = log.get(__name__)
REMEMBERED = 20_000
# What may go wrong with an answer: none at all, or one that is not what it should be.
FAULTS = (urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError, AttributeError)
PER_TEXT_S = 0.03  # more time for each further text of a request: the model may look into the meaning of every one
REMEMBERED_S = 60.0  # what is remembered is used only this long after Rasa last told which model it has


Asked = tuple[str, str | None]  # a text and its language


@dataclass(frozen=True)
class Parsed:
    """Rasa's reading: an intent (`find`, `disclose` or a plain one) and the best need and concern, each with its
    confidence between 0 and 1. `concern_alone`: what the model thinks of the concern at a second look, made for the
    times when no phrase tells of harm; None where it takes none (the language, an older model)."""

    intent: str
    intent_confidence: float
    need: str | None
    need_confidence: float
    concern: str | None
    concern_confidence: float
    concern_alone: float | None = None


class NluClient(Protocol):
    """`parse` reads one text in a language (None: unknown); None as an answer: nobody is there to ask. `ahead` asks
    about many in one request; when it returns True, `parse` has their answers without asking."""

    def parse(self, text: str, language: str | None) -> Parsed | None: ...

    def ahead(self, wanted: Sequence[Asked]) -> bool: ...

    @property
    def available(self) -> bool: ...


class Away:
    """The client when there is no Rasa: keywords and the lexicon go on alone."""

    available = False

    def parse(self, text: str, language: str | None) -> Parsed | None:
        return None

    def ahead(self, wanted: Sequence[Asked]) -> bool:
        return True


class Rasa:
    """Rasa's `/model/parse`, and `/model/parse_many` of nlu/serve.py where it is there. After `failures` errors in a
    row it is left alone for `pause`."""

    def __init__(self, url: str, token: str | None, *, timeout: timedelta, failures: int, pause: timedelta) -> None:
        proof = f"?token={token}" if token else ""
        self.url, self.url_many = (f"{url.rstrip('/')}/model/{name}{proof}" for name in ("parse", "parse_many"))
        self.timeout_s = timeout.total_seconds()
        self.http = urllib3.PoolManager(maxsize=8, block=False, retries=False)
        self.failures, self.pause_s = failures, pause.total_seconds()
        self.failed, self.closed_until = 0, 0.0
        self.one_by_one_until = 0.0  # a Rasa that does not know `parse_many` is not asked for it again at once
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
        return self._ask(_written(text, language), key) or known

    def ahead(self, wanted: Sequence[Asked]) -> bool:
        """One request for all that is not remembered. False: ask for each (nothing is counted against Rasa here)."""
        fresh = time.monotonic() < self.told_at + REMEMBERED_S
        with self.lock:
            asked = [one for one in dict.fromkeys(wanted) if not fresh or (one[1], one[0]) not in self.known]
        if not asked:
            return True
        if len(asked) == 1 or not self.available or time.monotonic() < self.one_by_one_until:
            return False
        try:
            told = self._post(self.url_many, {"texts": [_written(*one) for one in asked]}, len(asked))
            answers = [(read_answer(one), str(one.get("model") or "")) for one in told]
        except FAULTS:
            self.one_by_one_until = time.monotonic() + self.pause_s
            return False
        if len(answers) != len(asked):
            return False
        for (text, language), (parsed, model) in zip(asked, answers, strict=True):
            self._remember((language, text), parsed, model)
        return True

    def _ask(self, text: str, key: tuple[str | None, str]) -> Parsed | None:
        try:
            told = self._post(self.url, {"text": text})
            parsed = read_answer(told)
        except FAULTS as error:
            self._count_failure(type(error).__name__)
            return None
        self.failed = 0
        self._remember(key, parsed, str(told.get("model") or ""))
        return parsed

    def _post(self, url: str, question: object, texts: int = 1) -> Any:
        answer = self.http.request(
            "POST",
            url,
            body=orjson.dumps(question),
            headers={"Content-Type": "application/json"},
            timeout=urllib3.Timeout(total=self.timeout_s + PER_TEXT_S * (texts - 1)),
        )
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        return orjson.loads(answer.data)

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


def _written(text: str, language: str | None) -> str:
    """As components/splitter.py of the model reads it."""
    return f"{language or ''}|{text}"


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
        None if concern.get("alone") is None else float(concern["alone"]),
    )
