"""The client of Rasa against a real HTTP server that is slow, wrong, or gone."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest
import urllib3
import yaml

from base.settings import ROOT
from bot.rasa import REMEMBERED_S, Away, Parsed, Rasa, read_answer

ANSWER = {
    "text": "en|i need food",
    "intent": {"name": "find", "confidence": 0.9},
    "need": {"name": "food", "confidence": 0.8},
    "concern": {"name": None, "confidence": 0.0},
}
SHELTER = Parsed("find", 0.9, "shelter", 0.7, None, 0.0)
FOOD = Parsed("find", 0.9, "food", 0.8, None, 0.0)


class Server(ThreadingHTTPServer):
    """Answers as told, and remembers what it was asked."""

    daemon_threads = True
    status, body = 200, orjson.dumps(ANSWER)
    hang: threading.Event | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, Any]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that stopped waiting is expected here."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, orjson.loads(raw)))
        if self.server.hang:
            self.server.hang.wait(20)
        status, body = self.server.status, self.server.body  # once: the test may set others while this is written
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    if running.hang:
        running.hang.set()
    running.shutdown()
    running.server_close()
    thread.join()


def client(server: Server, *, pause_s: float = 30, timeout_s: float = 30) -> Rasa:
    url = f"http://127.0.0.1:{server.server_address[1]}"
    limit, pause = timedelta(seconds=timeout_s), timedelta(seconds=pause_s)
    return Rasa(url, "token-x", timeout=limit, failures=3, pause=pause)


def test_asks_with_language_and_token_and_remembers(server: Server) -> None:
    rasa = client(server)
    assert rasa.parse("i need food", "en") == FOOD
    assert rasa.parse("i need food", "en") == FOOD
    assert rasa.parse("i need food", None) == FOOD
    path = "/model/parse?token=token-x"
    assert server.asked == [(path, {"text": "en|i need food"}), (path, {"text": "|i need food"})]


def test_another_model_is_noticed_and_its_predecessors_answers_are_dropped(server: Server) -> None:
    server.body = orjson.dumps(ANSWER | {"model": "a"})
    rasa = client(server)
    rasa.parse("i need food", "en")
    shelter = ANSWER | {"model": "b", "need": {"name": "shelter", "confidence": 0.7}}
    server.body = orjson.dumps(shelter)
    assert rasa.parse("i need food", "en") == FOOD  # nobody has told of the other model yet
    rasa.parse("roof gone", "en")
    parsed = rasa.parse("i need food", "en")
    assert parsed == SHELTER
    assert len(server.asked) == 3


def test_what_is_remembered_is_asked_again_when_rasa_has_long_been_silent(server: Server) -> None:
    rasa = client(server)
    rasa.parse("i need food", "en")
    server.body = orjson.dumps(ANSWER | {"model": "b", "need": {"name": "shelter", "confidence": 0.7}})
    rasa.told_at -= REMEMBERED_S
    parsed = rasa.parse("i need food", "en")
    assert parsed == SHELTER
    server.status = 503
    rasa.told_at -= REMEMBERED_S
    assert rasa.parse("i need food", "en") == parsed  # better an old answer than none


def test_a_slow_answer_is_not_waited_for(server: Server) -> None:
    server.hang = threading.Event()
    began = time.monotonic()
    assert client(server, timeout_s=0.1).parse("i need food", "en") is None
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, orjson.dumps(ANSWER)),
        (401, b'{"status": "failure"}'),
        (200, b"not json"),
        (200, b""),
        (200, b"[]"),
        (200, b"null"),
        (200, b'{"intent": null}'),
        (200, b'{"intent": {"name": "find"}}'),
        (200, b'{"intent": {"name": "find", "confidence": "x"}}'),
        (200, b'{"intent": {"name": "find", "confidence": 1}, "need": "food"}'),
    ],
)
def test_a_wrong_answer_is_no_answer_and_not_remembered(server: Server, status: int, body: bytes) -> None:
    server.status, server.body = status, body
    rasa = client(server)
    assert rasa.parse("i need food", "en") is None
    server.status, server.body = 200, orjson.dumps(ANSWER)
    assert rasa.parse("i need food", "en") == FOOD


def test_gone() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    limit = timedelta(seconds=1)
    rasa = Rasa(f"http://127.0.0.1:{port}", None, timeout=limit, failures=2, pause=timedelta(minutes=1))
    assert rasa.parse("x", None) is None
    assert rasa.available
    assert rasa.parse("x", None) is None
    assert not rasa.available


def test_the_breaker_opens_and_closes(server: Server) -> None:
    server.status = 503
    rasa = client(server, pause_s=0.2)
    rasa.known[("en", "known")] = FOOD
    for _ in range(3):
        assert rasa.parse("x", "en") is None
    assert not rasa.available
    assert rasa.parse("y", "en") is None
    assert len(server.asked) == 3  # nobody was asked while it is open
    assert rasa.parse("known", "en") == FOOD  # what is remembered still counts
    server.status = 200
    while not rasa.available:
        time.sleep(0.01)
    assert rasa.parse("y", "en") == FOOD
    assert rasa.available


def test_failures_that_are_not_in_a_row_do_not_open_it(server: Server) -> None:
    rasa = client(server)
    for number in range(6):
        server.status = 503 if number % 3 else 200
        rasa.parse(str(number), "en")
    assert rasa.available


def test_read_answer() -> None:
    assert read_answer(ANSWER) == FOOD
    assert read_answer({"intent": {"name": None, "confidence": 0.0}}) == Parsed("other", 0.0, None, 0.0, None, 0.0)


def test_away() -> None:
    assert Away().parse("x", "en") is None
    assert not Away().available


def test_many_are_asked_about_in_one_request(server: Server) -> None:
    shelter = ANSWER | {"need": {"name": "shelter", "confidence": 0.7}}
    server.body = orjson.dumps([ANSWER, shelter])
    rasa = client(server)
    assert rasa.ahead([("i need food", "en"), ("roof gone", None), ("i need food", "en")])
    assert (rasa.parse("i need food", "en"), rasa.parse("roof gone", None)) == (FOOD, SHELTER)
    assert rasa.ahead([("roof gone", None)])  # known: nobody is asked
    assert server.asked == [("/model/parse_many?token=token-x", {"texts": ["en|i need food", "|roof gone"]})]


def test_a_request_about_many_is_waited_for_longer(server: Server) -> None:
    """The model may look into the meaning of each of them: many texts in doubt at once are no sign that it is away."""
    texts = [(f"text {number}", "en") for number in range(100)]
    server.body, server.hang = orjson.dumps([ANSWER] * len(texts)), threading.Event()
    timer = threading.Timer(1.0, server.hang.set)
    timer.start()
    assert client(server, timeout_s=0.5).ahead(texts)
    timer.join()


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"{}"), (500, b"[]"), (200, b"{}"), (200, b"null"), (200, orjson.dumps([ANSWER])), (200, b'["x", "y"]')],
)
def test_where_many_cannot_be_asked_about_each_is_asked(server: Server, status: int, body: bytes) -> None:
    """A Rasa of somebody else's, or a text that it does not bear: nothing is remembered, nothing counted against it."""
    server.status, server.body = status, body
    rasa = client(server)
    for _ in range(4):
        assert not rasa.ahead([("i need food", "en"), ("roof gone", "en")])
    assert rasa.available
    server.status, server.body = 200, orjson.dumps(ANSWER)
    assert rasa.parse("i need food", "en") == FOOD
    assert server.asked[-1][0] == "/model/parse?token=token-x"


def test_many_at_a_real_rasa_are_read_as_each_alone(rasa: tuple[str, str]) -> None:
    url, token = rasa
    texts = ["en|i need food", "ht|mari m ap bat mwen", "|bonjou", "acf|i ka bat mwen", "en|" + "x" * 3000, "ht|"]
    http = urllib3.PoolManager()

    def asked(path: str, question: object, proof: str = token) -> tuple[int, Any]:
        answer = http.request("POST", f"{url}/model/{path}?token={proof}", body=orjson.dumps(question))
        return answer.status, orjson.loads(answer.data)

    status, many = asked("parse_many", {"texts": texts})
    assert status == 200
    fields = ("intent", "need", "concern", "model")
    alone = [asked("parse", {"text": text})[1] for text in texts]
    assert [{name: one[name] for name in fields} for one in many] == [
        {name: one[name] for name in fields} for one in alone
    ]
    assert asked("parse_many", {"texts": texts}, "wrong")[0] == 401
    none: dict[str, list[str]] = {"texts": []}
    several = {"texts": ["en|x"] * 101}
    wrong: list[object] = [[], {}, none, {"texts": [""]}, {"texts": [5]}, {"texts": "en|x"}, several]
    assert [asked("parse_many", question)[0] for question in wrong] == [400] * 7


@pytest.mark.parametrize("language", ["en", "ht", "acf"])
def test_a_real_rasa_answers_about_sentences_that_it_has_learnt(rasa: tuple[str, str], language: str) -> None:
    """The surest of them once made it fail: what rounds to more than certain is certain. Every fourth, for time."""
    url, token = rasa
    http = urllib3.PoolManager()
    texts = [f"{language}|{sentence}" for sentence in sentences(language)[::4]]
    assert len(texts) > 1000
    for some in (texts[at : at + 100] for at in range(0, len(texts), 100)):
        question = orjson.dumps({"texts": some})
        answer = http.request("POST", f"{url}/model/parse_many?token={token}", body=question)
        assert (answer.status, len(orjson.loads(answer.data))) == (200, len(some))


def sentences(language: str) -> list[str]:
    """The training examples."""
    return [
        line.removeprefix("- ").strip()
        for path in sorted((ROOT / "nlu" / "data" / language).glob("*.yml"))
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
        for line in block["examples"].splitlines()
    ]
