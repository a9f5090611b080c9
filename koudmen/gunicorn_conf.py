"""Gunicorn's settings for the staff site: `gunicorn --config python:koudmen.gunicorn_conf`; those of the public
application begin with them (`koudmen.gunicorn_web`).

`WEB_WORKERS` and `WEB_THREADS` say how many (1 process of 32 threads: the work waits for the database, and a second
process costs memory). The staff site is given more threads on its command line (`STAFF_THREADS`): each live page holds
one. The largest body is checked in the applications.
"""

import logging
import os
import sys
from inspect import iscoroutinefunction
from typing import Any

from gunicorn import glogging  # type: ignore[import-untyped]

workers = int(os.environ.get("WEB_WORKERS") or 1)
threads = int(os.environ.get("WEB_THREADS") or 32)
worker_class = "gthread"
keepalive = 75  # longer than a load balancer's own idle time
timeout = 30
graceful_timeout = 5
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
accesslog = None  # addresses of people would stand in it
errorlog = "-"
loglevel = "warning"
control_socket_disable = True
proc_name = "koudmen"
if os.path.isdir("/dev/shm"):  # noqa: S108 (gunicorn's heartbeat file must not wait for a slow disk)
    worker_tmp_dir = "/dev/shm"  # noqa: S108


WRONG_APPLICATION = 4  # gunicorn's exit code for what it cannot load: it does not try again


class _Quiet(logging.Formatter):
    """Faults of requests without their address, arguments and exception text: a person's words may be in them."""

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info or "request" in str(record.msg).lower():
            kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "refused"
            return f'{{"event":"request not served","level":"{record.levelname.lower()}","error_type":"{kind}"}}'
        return f"{record.levelname.lower()}: {record.getMessage()}"


class Logger(glogging.Logger):  # type: ignore[misc]
    """Gunicorn's logger with the formatter above."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(_Quiet())


logger_class = Logger


def post_worker_init(worker: Any) -> None:
    """The staff site's live pages leave threads for ordinary ones, and end when the worker is told to end. What speaks
    ASGI would start here, and answer nothing."""
    if iscoroutinefunction(type(worker.wsgi).__call__):
        worker.log.error("this application is served by koudmen.gunicorn_web")
        sys.exit(WRONG_APPLICATION)
    live = getattr(worker.wsgi, "extensions", {}).get("live")
    if live:
        live.serve(worker.cfg.threads, lambda: bool(worker.alive))


def child_exit(_server: Any, worker: Any) -> None:
    """Let the metrics forget a worker that has ended."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client import multiprocess  # noqa: PLC0415 (reads the variable when imported)

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
