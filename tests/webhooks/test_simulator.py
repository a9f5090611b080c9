"""The phone in the browser: there when it is on, nothing of it when it is off."""

import json

import pytest
from sqlalchemy import Engine

from tests.webhooks.caller import Answer, Caller, rows

MESSAGES = "/simulator/messages"


def write(web: Caller, **changes: object) -> Answer:
    body = {"mode": "sms", "number": "+17675550101", "text": "mwen bezwen manje"} | changes
    return web.send(MESSAGES, json.dumps(body).encode(), Content_Type="application/json")


def thread(web: Caller, mode: str = "sms", number: str = "+17675550101") -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(web.get(MESSAGES, **{"X-Mode": mode, "X-Number": number}).data)[
        "messages"
    ]
    return found


def test_on_twilio_it_is_off(twilio_web: Caller, engine: Engine) -> None:
    for path in ("/simulator", MESSAGES, "/simulator/static/simulator.js"):
        assert twilio_web.get(path).status == 404
    assert write(twilio_web).status == 404
    assert rows(engine) == {}


def test_the_page_and_its_parts_are_served(open_web: Caller) -> None:
    page = open_web.get("/simulator")
    assert page.status == 200
    assert b"<script src=" in page.data
    assert b" style=" not in page.data
    for part in ("simulator.js", "simulator.css"):
        assert open_web.get(f"/simulator/static/{part}").status == 200
    assert open_web.get("/simulator/static/../app.py").status == 404
    assert open_web.get("/simulator/static/%2e%2e/app.py").status == 404


def test_what_is_typed_stands_in_the_thread_of_that_phone_alone(open_web: Caller) -> None:
    assert write(open_web).status == 201
    assert [bubble["text"] for bubble in thread(open_web)] == ["mwen bezwen manje"]
    assert thread(open_web, "whatsapp") == []
    assert thread(open_web, number="+17675550102") == []


def test_a_location(open_web: Caller, engine: Engine) -> None:
    assert write(open_web, mode="whatsapp", text="", latitude=15.57, longitude=-61.456).status == 201
    assert rows(engine)["inbound_message"] == 1


@pytest.mark.parametrize(
    "changes",
    [{"mode": "fax"}, {"mode": ["sms"]}, {"number": "5"}, {"number": 5}, {"number": "+٣٣٣٣٣٣٣٣"}, {"text": None}],
)
def test_what_no_phone_sends_is_400(open_web: Caller, engine: Engine, changes: dict[str, object]) -> None:
    assert write(open_web, **changes).status == 400
    assert rows(engine) == {}


@pytest.mark.parametrize("place", [10**400, float("nan"), float("inf"), 91, "x", None, [1]])
def test_a_place_that_is_none_is_left_out(open_web: Caller, place: object) -> None:
    assert write(open_web, latitude=place, longitude=1).status == 201


def test_half_a_letter_is_no_trouble(open_web: Caller) -> None:
    assert write(open_web, text="ede \ud83d m\0").status == 201
    assert [bubble["text"] for bubble in thread(open_web)] == ["ede ? m"]


def test_a_page_of_another_site_cannot_write(open_web: Caller, engine: Engine) -> None:
    body = b'{"mode": "sms", "number": "+17675550101", "text": "x"}'
    assert open_web.send(MESSAGES, body, Content_Type="text/plain").status == 415
    assert open_web.send(MESSAGES, body).status == 415
    assert rows(engine) == {}
