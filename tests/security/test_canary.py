"""One rare phrase and a handful of rare addresses go down every path, and are then looked for everywhere."""

import zlib
from collections.abc import Iterator

import pytest
from redis import Redis
from sqlalchemy import select

from base.db import make_engine, make_sessions
from messaging.models import InboundMessage, OutboundMessage
from tests.security.search import find, search_files, unescaped
from tests.security.story import HARM, NEED, OFFICER, ONE, SECRETS, SMS, TWO, Story
from tests.security.whole import Whole, whole
from tests.webhooks.caller import Answer, Caller

pytestmark = pytest.mark.slow
CONTROL = "papiyonkontwol"  # put where the secrets must not be, to see that it is found there


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The service after the whole story."""
    with whole(tmp_path_factory.mktemp("whole")) as parts:
        story = Story(parts)
        story.play()
        parts.sql("CHECKPOINT")
        yield story


@pytest.fixture(scope="module")
def parts(played: Story) -> Whole:
    return played.parts


@pytest.fixture(scope="module")
def secrets(parts: Whole) -> dict[str, str]:
    """The canaries, and what was answered to the disclosure."""
    reply = next(m.text for m in parts.double.sent(SMS) if "999" in m.text)
    return SECRETS | {"the answer": max(reply.split("\n"), key=len)}


def test_the_secrets_went_all_the_way(parts: Whole) -> None:
    """They are in the database, for those who have the keys."""
    engine = make_engine(parts.database_url)
    with make_sessions(engine)() as session:
        bodies = session.scalars(select(InboundMessage.body)).all()
        readings = session.scalars(select(InboundMessage.reading)).all()
        states = set(session.scalars(select(OutboundMessage.state)))
    engine.dispose()
    assert bodies.count(NEED) >= 8
    assert bodies.count(HARM) >= 4
    assert {reading["source"] for reading in readings if reading} >= {"lexicon"}
    assert {reading["source"] for reading in readings if reading} & {"model", "both"}, "Rasa has read some"
    assert states >= {"accepted", "failed"}
    assert any(ONE in str(message.text) for message in parts.double.store.messages.values())


def test_in_no_page(parts: Whole, secrets: dict[str, str]) -> None:
    """Neither in the words of a page nor in the addresses that Twilio is told for it."""
    told = {name: secret for name, secret in secrets.items() if not name.startswith("officer")}
    sent = [message for message in parts.double.sent(OFFICER) if "is yours" not in message.text]
    assert len(sent) >= 3
    for message in sent:
        given = {name: value for name, value in message.params.items() if name not in {"To", "From"}}
        assert find(told, repr(given).encode()) == []
        assert find(secrets, (message.status_callback or "").encode()) == []


def test_in_no_log(parts: Whole, secrets: dict[str, str]) -> None:
    logs = {path.name for path in parts.logs.iterdir()}
    assert logs == {f"{name}.log" for name in ("web", "turn", "send", "sweeper", "engine", "rasa", "staff")}
    assert search_files(secrets, [parts.logs, parts.folder / "pg" / "logs", parts.folder / "valkey" / "logs"]) == {}


def test_the_search_of_logs_finds_what_is_there(parts: Whole) -> None:
    (case_id,) = parts.sql('SELECT id FROM "case" LIMIT 1')[0]
    assert search_files({"case": str(case_id)}, [parts.logs])
    assert search_files({"ready": "ready to accept connections"}, [parts.folder / "pg" / "logs"])


def test_in_no_part_of_redis(parts: Whole, secrets: dict[str, str]) -> None:
    seen = bytes(parts.monitor.seen)
    assert b"koudmen.jobs.turn" in seen or find({"job": "koudmen.jobs.turn"}, unescaped(seen))
    assert find(secrets, seen) == []
    assert find(secrets, unescaped(seen)) == []
    assert find(secrets, parts.redis_bytes()) == []


def test_the_search_of_redis_finds_what_is_there(parts: Whole) -> None:
    packed = zlib.compress(f"arguments: {CONTROL}".encode())
    with Redis.from_url(parts.redis_url) as redis:
        redis.hset("control:job", "data", packed)
        redis.xadd("control:result", {"exc_string": CONTROL})
        assert find({"control": CONTROL}, parts.redis_bytes())
        redis.delete("control:result")
        assert find({"control": CONTROL}, parts.redis_bytes()) == ["control (raw)"]
        redis.delete("control:job")
    assert find({"error": "UndefinedTable"}, unescaped(bytes(parts.monitor.seen)))
    assert find({"control": CONTROL}, unescaped(bytes(parts.monitor.seen)))


def test_in_no_row_and_in_no_byte_of_the_database(parts: Whole, secrets: dict[str, str]) -> None:
    assert find(secrets, parts.tables()) == []
    assert search_files(secrets, [parts.folder / "pg"]) == {}


def test_the_search_of_the_database_finds_what_is_there(parts: Whole) -> None:
    known = {"a message's id": "SM" + "c0ffee" * 5 + "00"}
    assert find(known, parts.tables())
    folders = search_files(known, [parts.folder / "pg"])
    assert any("/base/" in path for path in folders)
    assert any("/pg_wal/" in path for path in folders)


def test_in_no_other_file_that_the_service_has_written(parts: Whole, secrets: dict[str, str]) -> None:
    assert search_files(secrets, [parts.folder]) == {}


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/healthz", "/simulator"])
def test_in_no_public_page(parts: Whole, secrets: dict[str, str], path: str) -> None:
    assert _hits(secrets, Caller(parts.service.url, "").get(path)) == []


def test_the_pages_were_not_empty(parts: Whole) -> None:
    web = Caller(parts.service.url, "")
    assert b'koudmen_inbound_messages_total{channel="whatsapp"' in web.get("/metrics").data
    assert b'"cases":{"' in web.get("/readyz").data


@pytest.mark.parametrize("path", ["/", "/healthz", f"/{ONE}", f"/?{TWO}"])
def test_in_no_staff_page_that_needs_no_sign_in(parts: Whole, secrets: dict[str, str], path: str) -> None:
    assert _hits(secrets, Caller(parts.staff_url, "").get(path)) == []


def test_in_no_answer_to_a_request_that_was_refused(played: Story, secrets: dict[str, str]) -> None:
    assert {answer.status for answer in played.answers} >= {204, 400, 403, 404, 405, 413, 415}
    assert [hits for answer in played.answers if (hits := _hits(secrets, answer))] == []


def test_what_is_no_http_is_refused_and_quoted_to_nobody(played: Story, secrets: dict[str, str]) -> None:
    """The server answers it before any of our code runs."""
    statuses = {answer.split(b" ", 2)[1] for answer in played.raw_answers if answer}
    assert statuses <= {b"400", b"404"}
    refused = played.parts.service.logs().count('"request not served"')
    assert refused >= 5
    assert all(b"connection: close" in answer for answer in played.raw_answers if answer and b" 404 " not in answer)
    assert [hits for answer in played.raw_answers if (hits := find(secrets, answer))] == []


def _hits(secrets: dict[str, str], answer: Answer) -> list[str]:
    return find(secrets, answer.data + str(answer.headers).encode())
