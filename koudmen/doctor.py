"""Checks a real deployment, part by part; each finding is one sentence that says what to do."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlencode, urlsplit

import psycopg
import urllib3
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from base.clock import now
from base.crypto import load_keys
from base.db import database_now, make_engine, make_sessions, transaction, use_keys
from base.errors import ConfigError, KoudmenError
from base.heartbeat import ages
from base.settings import Settings, Twilio, check_ready_for_people
from koudmen import backup, doctor_people, doctor_twilio, partitions
from koudmen.findings import Finding, database_fault, redis_fault
from messaging import months, queues, twilio
from messaging.models import Address
from messaging.spool import Spool

SILENT_S = 60.0
FREE_MB = 1000
SKEW_S = 5.0
_HTTP = urllib3.PoolManager(timeout=urllib3.Timeout(total=8), retries=False)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check, whatever the others find."""
    checks: list[tuple[str, Callable[[Settings], Iterator[Finding]]]] = [
        ("people", _people), ("keys", _keys), ("spool", _spool), ("disk", _disk), ("database", _database),
        ("redis", _redis), ("rasa", _rasa), ("address", _address), ("twilio", doctor_twilio.account),
        ("staff site", _staff), ("proxy", _proxies), ("watch", _watch),
    ]  # fmt: skip
    for part, check in checks:
        try:
            found = list(check(settings))
        except KoudmenError as error:
            found = [Finding(part, "bad", str(error))]
        except (SQLAlchemyError, psycopg.Error) as error:
            found = [Finding(part, "bad", database_fault(error))]
        except Exception as error:  # noqa: BLE001 - the other parts are still looked at; its words may hold a secret
            found = [Finding(part, "bad", f"cannot be looked at ({type(error).__name__})")]
        yield from found or [Finding(part, "ok", "")]


def _people(settings: Settings) -> Iterator[Finding]:
    check_ready_for_people(settings)
    if settings.rehearsing:
        yield Finding("people", "look", "a rehearsal: emergency numbers nobody confirmed may be told")


def _keys(settings: Settings) -> Iterator[Finding]:
    if not settings.keys and not (settings.home / "keys").exists():
        raise ConfigError("there are no keys yet: neither KOUDMEN_KEYS nor a file `keys` in the home")
    use_keys(load_keys(settings.keys, settings.home))
    yield from ()


def _spool(settings: Settings) -> Iterator[Finding]:
    spool = Spool(settings.spool)
    spool.check()
    if waiting := len(spool.names()):
        yield Finding("spool", "look", f"{waiting} files wait for the database")
    if damaged := spool.damaged():
        yield Finding("spool", "bad", f"{damaged} files could not be taken in: docs/operating.md, The spool")


def _disk(settings: Settings) -> Iterator[Finding]:
    for folder in {settings.home, settings.spool}:
        if folder.exists() and (free := shutil.disk_usage(folder).free // 1_000_000) < FREE_MB:
            yield Finding("disk", "bad" if free < FREE_MB // 5 else "look", f"{free} MB are free at {folder}")


def _database(settings: Settings) -> Iterator[Finding]:
    if not settings.database_url:
        raise ConfigError("DATABASE_URL is not set, and no `make up` runs in this home")
    if (at := backup.version(settings.database_url)) != (wanted := backup.newest()):
        yield Finding("database", "bad", f"it is at version {at}, the code needs {wanted}: koudmen db upgrade")
        return
    engine = make_engine(settings.database_url, pool_size=1)
    try:
        with transaction(make_sessions(engine)) as session:
            yield from _settings_of(session)
            yield from _alive(session)
            yield from _opens(session)
            yield from _months(session)
            yield from doctor_people.duty(session, settings)
            yield from doctor_people.accounts(session, settings)
    finally:
        engine.dispose()


def _settings_of(session: Session) -> Iterator[Finding]:
    for name, wanted in _DURABLE.items():
        if (value := session.scalar(text(f"SHOW {name}"))) != wanted:
            yield Finding("database", "bad", f"{name} is {value}: a power cut loses messages; it must be {wanted}")
    theirs = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    if (skew := abs((theirs - now()).total_seconds())) > SKEW_S:
        yield Finding("database", "bad", f"its clock and this machine's differ by {skew:.0f} s: set both by NTP")
    if not session.scalar(text("SELECT count(*) FROM service")):
        yield Finding("database", "bad", "the directory is empty: koudmen directory seed")


def _alive(session: Session) -> Iterator[Finding]:
    beats = ages(session)
    for name in ("sweeper", "engine", "worker turn", "worker send", "worker protect"):
        if not any(name in known and age < SILENT_S for known, (age, _) in beats.items()):
            yield Finding("processes", "bad", f"no `{name}` gives a sign of life")
    for name, (age, said) in sorted(beats.items()):
        if name == "synthetic" and said != "ok" and age < SILENT_S:
            yield Finding("processes", "bad", f"the synthetic message: {said}")
    for name, age in queues.ages(session).items():
        if found := queues.level(name, age):
            yield Finding("queues", ("ok", "look", "bad")[found], f"the oldest of {name} has waited {age:.0f} s")


def _opens(session: Session) -> Iterator[Finding]:
    try:
        session.query(Address.value).limit(5).all()
    except KoudmenError as error:
        yield Finding("keys", "bad", str(error))


def _months(session: Session) -> Iterator[Finding]:
    """The sweeper makes a month's tables two months ahead; without them messages lie in the rest, and none is lost."""
    at = database_now(session)
    if gone := partitions.missing(session.connection(), at):
        names = ", ".join(part.name for part in gone)
        this = any(part.month == months.month_of(at) for part in gone)
        words = f"no table {names}: docs/operating.md, A month's tables are missing"
        yield Finding("database", "bad" if this else "look", words)


def _redis(settings: Settings) -> Iterator[Finding]:
    if not settings.redis_url:
        yield Finding("redis", "look", "REDIS_URL is not set: the sweeper does all work, every few seconds")
        return
    try:
        with Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2) as redis:
            redis.set("koudmen:doctor", "", ex=1)
    except (RedisError, OSError, ValueError) as error:
        yield Finding("redis", "bad", redis_fault(error))


def _rasa(settings: Settings) -> Iterator[Finding]:
    if not settings.rasa_url:
        yield Finding("rasa", "look", "RASA_URL is not set: keywords and the lexicon work alone")
        return
    query = f"?token={quote(settings.rasa_token)}" if settings.rasa_token else ""
    status, read = _answer("POST", f"{settings.rasa_url.rstrip('/')}/model/parse{query}", b'{"text": "hello"}')
    said = {
        0: "does not answer at RASA_URL",
        401: "refuses RASA_TOKEN",
        404: "is not there: RASA_URL is something else",
    }
    if status != 200:
        words = said.get(status, f"answers {status}: has it a model? (nlu/train.py)")
        yield Finding("rasa", "bad", f"{words}; keywords and the lexicon work alone")
    elif b'"meaning":false' in read.replace(b" ", b""):
        words = "does not use its sentence encoder (its log says why): fewer disclosures are heard"
        yield Finding("rasa", "look", words)


def _address(settings: Settings) -> Iterator[Finding]:
    """Whether the world reaches us where Twilio is told to, and an unsigned request is refused there."""
    base = settings.public_base_url
    if settings.twilio and urlsplit(base).scheme != "https":
        yield Finding("address", "bad", "PUBLIC_BASE_URL is not https: words would travel in the clear")
    status = _status("GET", f"{base}/healthz")
    if status != 200:
        yield Finding("address", "bad", f"PUBLIC_BASE_URL/healthz answers {status or 'nothing'}: Twilio reaches nobody")
    elif settings.twilio:
        refused = _status("POST", f"{base}/webhooks/twilio/inbound", b"From=x", FORM)
        if refused != 403:
            yield Finding("address", "bad", f"an unsigned webhook is answered {refused}, not 403: is that us?")
        elif (status := _signed(settings.twilio, base)) != 204:
            words = f"a webhook signed for PUBLIC_BASE_URL is answered {status}, not 204"
            yield Finding("address", "bad", f"{words}: the running service has another PUBLIC_BASE_URL or token")


def _signed(account: Twilio, base: str) -> int:
    """The answer to a report about a message that is not there: without any effect, but only with a right signature."""
    url, sid = f"{base}/webhooks/twilio/status?m={uuid.UUID(int=0)}", "SM" + "0" * 32
    fields = [("MessageSid", sid), ("MessageStatus", "sent")]
    headers = FORM | {twilio.SIGNATURE: twilio.sign(account, url, fields)}
    return _status("POST", url, urlencode(fields).encode(), headers)


def _staff(settings: Settings) -> Iterator[Finding]:
    if settings.rehearsing:
        return
    if not settings.staff_url:
        yield Finding("staff site", "bad", "oncall.staff_url is empty: pages have no link, passkeys no name")
    elif not settings.staff_url.startswith("https://"):
        yield Finding("staff site", "bad", "oncall.staff_url is not https: nobody can sign in")


def _proxies(settings: Settings) -> Iterator[Finding]:
    """Whose word about callers' addresses is believed."""
    others = ", ".join(str(one) for one in settings.trusted_proxies)
    believed = "X-Forwarded-For is believed from this machine" + (f" and from {others}" if others else " alone")
    if others or settings.host in {"127.0.0.1", "::1", "localhost"}:
        yield Finding("proxy", "ok", believed)
        return
    words = f"{believed}, but {settings.host} is open to others: of a proxy there all callers look like one"
    yield Finding("proxy", "look", f"{words}; set KOUDMEN_TRUSTED_PROXIES to its address")


def _watch(settings: Settings) -> Iterator[Finding]:
    if not settings.ping_url and not settings.rehearsing:
        yield Finding("watch", "look", "KOUDMEN_PING_URL is not set: nobody notices when this whole machine is gone")


def _status(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> int:
    """The HTTP status of an answer, 0 for none."""
    return _answer(method, url, body, headers)[0]


def _answer(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """The HTTP status and body of an answer, 0 and nothing for none."""
    try:
        told = _HTTP.request(method, url, body=body, headers=headers, redirect=False)
        return int(told.status), bytes(told.data)
    except urllib3.exceptions.HTTPError:
        return 0, b""
