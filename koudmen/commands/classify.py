"""`koudmen classify`: what would be understood, one JSON line for each JSON line read."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Queue
from typing import Any

import orjson

from base.settings import Understanding, load_settings
from bot import safety
from bot.rasa import Away, NluClient
from bot.reading import Reading, glance, read
from koudmen.cli import parser
from koudmen.nlu import standing_nlu


def main(arguments: Sequence[str]) -> int:
    options = parser("classify")
    options.add_argument("--offline", action="store_true", help="lexicon and keywords alone, as when Rasa is away")
    offline = options.parse_args(arguments).offline
    settings = load_settings()
    safety.lexicons()  # a wrong phrase file is told at once, not of each line
    if offline:
        return _stream(Away(), settings.config.understanding)
    with standing_nlu(settings) as nlu:
        return _stream(nlu, settings.config.understanding)


def _stream(nlu: NluClient, rules: Understanding) -> int:
    """Answers in the order of the lines; exit code 1 when a line could not be read."""
    wrong = 0
    for answered in _alone(rules) if isinstance(nlu, Away) else _asking(nlu, rules):
        wrong += "error" in answered
        sys.stdout.buffer.write(orjson.dumps(answered) + b"\n")
        sys.stdout.buffer.flush()
    return 1 if wrong else 0


def _alone(rules: Understanding) -> Iterator[dict[str, Any]]:
    """One after the other: with nobody to wait for, threads only cost."""
    for number, raw in _lines():
        yield _line(number, raw, Away(), rules)


def _asking(nlu: NluClient, rules: Understanding) -> Iterator[dict[str, Any]]:
    """Lines are read ahead and parsed by a few threads; answers leave in order, each as soon as it can."""
    ahead: Queue[Future[dict[str, Any]] | None] = Queue(maxsize=64)
    with ThreadPoolExecutor(5) as pool:
        pool.submit(_feed, pool, ahead, nlu, rules)
        while (future := ahead.get()) is not None:
            yield future.result()


def _feed(
    pool: ThreadPoolExecutor, ahead: "Queue[Future[dict[str, Any]] | None]", nlu: NluClient, rules: Understanding
) -> None:
    try:
        for number, raw in _lines():
            ahead.put(pool.submit(_line, number, raw, nlu, rules))
    finally:
        ahead.put(None)


def _lines() -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, numbered from 1 as in the file."""
    return ((number, raw) for number, raw in enumerate(sys.stdin.buffer, 1) if raw.strip())


def _line(number: int, raw: bytes, nlu: NluClient, rules: Understanding) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {"error": "this line is not JSON", "line": number}
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return {"error": 'each line is a JSON object with a "text" that is a string', "line": number}
    try:
        return answer(value["text"], classify([value["text"]], nlu, rules)[0])
    except Exception as error:  # noqa: BLE001 (one text must not stop the others)
        return {"error": f"this text could not be read ({type(error).__name__})", "line": number}


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
