"""Structured logs: a fixed event name and fields from a closed list, so that no words can slip in."""

import logging
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, cast

import structlog
from structlog.typing import Processor

_ROOT = Path(__file__).resolve().parent.parent

# Ids, counts and codes only. A field that is not here is dropped and its name is told.
FIELDS = frozenset(
    "event level timestamp logger module process case_id case_code message_id conversation_id outbound_id "
    "page_id staff_id service_id job channel provider status code action reason attempts count seconds age_s "
    "severity state language source error_type where path method port name version lane queue segments rank "
    "level_no kind part parts rows user_id item file line shift_id policy drill".split()
)


def _only_listed(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    dropped = sorted(k for k in event if k not in FIELDS and not k.startswith("_") and k != "exc_info")
    for name in dropped:
        del event[name]
    if dropped:
        event["reason"] = f"unlisted fields dropped: {' '.join(dropped)}"
    return event


def _error_place(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep where an exception came from and its type; never its text, which may quote what was typed."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error_type"] = type(error).__name__
        event["where"] = _where(error)
    return event


def _where(error: BaseException) -> str:
    """The way through our own files to the place that raised, which may lie in a library."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        ours = file.startswith(str(_ROOT)) and "site-packages" not in file
        if ours or trace.tb_next is None:
            places.append(f"{file.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(places[-6:])


def _named(process: str) -> Processor:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    return add


class _Careful:
    """A stream that loses a line rather than the request it was about: the disk of the log may be full."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self.stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self.stream.flush()


def setup(process: str, *, level: str = "INFO") -> None:
    """Send this process's logs to standard error as JSON lines, and hush libraries that print what they carry."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _named(process),
            structlog.processors.add_log_level,
            _error_place,
            _only_listed,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Careful(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)
    logging.getLogger().handlers[0].setFormatter(_Plain(process))
    logging.raiseExceptions = False


class _Plain(logging.Formatter):
    """Library warnings: who and where, without the arguments and the exception's text."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        place = f"{record.name}:{record.lineno}"
        return f'{{"event":"library","level":"{record.levelname.lower()}","logger":"{place}","error_type":"{kind}"}}'


def get(name: str) -> Any:
    """The logger of a module: `log.info("turn done", message_id=5)`."""
    return structlog.get_logger(module=name)
