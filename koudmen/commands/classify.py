"""`koudmen classify`: what would be understood, one JSON line for each JSON line read."""

import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Queue
from typing import Any

import orjson

from base.settings import Understanding, load_settings
from bot.rasa import Away, NluClient
from bot.reading import Reading, glance, read
from koudmen.cli import parser
from koudmen.nlu import standing_nlu


def main(arguments: Sequence[str]) -> int:
    options = parser("classify")
    options.add_argument("--offline", action="store_true", help="lexicon and keywords alone, as when Rasa is away")
    offline = options.parse_args(arguments).offline
    settings = load_settings()
    if offline:
        return _stream(Away(), settings.config.understanding)
    with standing_nlu(settings) as nlu:
        return _stream(nlu, settings.config.understanding)


def _stream(nlu: NluClient, rules: Understanding) -> int:
    """Lines are read ahead and parsed by a few threads; answers leave in order, each as soon as it can."""
    ahead: Queue[Future[dict[str, Any]] | None] = Queue(maxsize=64)
    with ThreadPoolExecutor(5) as pool:
        pool.submit(_feed, pool, ahead, nlu, rules)
        wrong = 0
        while (future := ahead.get()) is not None:
            line = future.result()
            wrong += line.pop("_wrong", 0)
            sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
            if ahead.empty():
                sys.stdout.buffer.flush()
    sys.stdout.buffer.flush()
    return 1 if wrong else 0


def _feed(
    pool: ThreadPoolExecutor, ahead: "Queue[Future[dict[str, Any]] | None]", nlu: NluClient, rules: Understanding
) -> None:
    for raw in sys.stdin.buffer:
        if raw.strip():
            ahead.put(pool.submit(_line, raw, nlu, rules))
    ahead.put(None)


def _line(raw: bytes, nlu: NluClient, rules: Understanding) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
        text = value["text"]
        if not isinstance(text, str):
            raise TypeError
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {"error": 'each line is a JSON object with a "text"', "_wrong": 1}
    return answer(text, classify([text], nlu, rules)[0])


def classify(texts: Iterable[str], nlu: NluClient, rules: Understanding) -> list[Reading]:
    """Read texts as messages are read, each as the first of its conversation."""
    readings = []
    for text in texts:
        seen = glance(text, None)
        readings.append(read(seen, nlu.parse(seen.text, seen.language.code) if seen.normal else None, rules))
    return readings


def answer(text: str, reading: Reading) -> dict[str, Any]:
    """The line that is printed."""
    place = reading.place.name if reading.place else None
    return {
        "text": text, "language": reading.language, "intent": reading.intent, "need": reading.need,
        "concern": reading.concern, "severity": reading.severity, "place": place,
        "parish": reading.place.parish if reading.place else None,
        "confidence": round(reading.confidence, 3), "source": reading.source,
    }  # fmt: skip
