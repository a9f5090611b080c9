"""The double is held to Twilio's own library and to Twilio's own description of its API."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.fakes.twilio import TwilioDouble
from tests.fakes.twilio_ground import AUTH_TOKEN
from tests.fakes.twilio_lives import Mode
from tests.fakes.twilio_server import HttpServer, Reply, Request
from tests.fakes.twilio_spec import response_schema, value_problems
from tests.fakes.twilio_text import segments

PERSON = "+17675550101"
WHATSAPP = "whatsapp:+17675550102"
PUBLIC = "https://koudmen.example.org"


class Service:
    """Stands in for Koudmen: keeps what it is sent, answers 204."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.reply = Reply(204)
        self.server = HttpServer("127.0.0.1", 0, self._answer, lambda _: None)
        self.server.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.reply

    def form(self, number: int = -1) -> dict[str, str]:
        return dict(parse_qsl(self.requests[number].body.decode(), keep_blank_values=True))

    def statuses(self) -> list[str]:
        return [self.form(n)["MessageStatus"] for n in range(len(self.requests))]

    def signed(self, secret: str, algorithm: str = "HMAC_SHA1") -> bool:
        last = self.requests[-1]
        signature = last.headers.get("x-twilio-signature", "")
        validator: Any = RequestValidator(secret)  # type: ignore[no-untyped-call]
        return bool(validator.validate(PUBLIC + last.target, self.form(), signature, algorithm))


class Redirected(TwilioHttpClient):
    """The library's own HTTP client, with the double in the place of api.twilio.com."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self.url = url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        there = url.replace("https://api.twilio.com", self.url)
        return super().request(method, there, *args, **kwargs)


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.server.stop()


@pytest.fixture
def double(service: Service) -> Iterator[TwilioDouble]:
    made = TwilioDouble(PUBLIC, target=service.url)
    yield made
    made.stop()


@pytest.fixture
def client(double: TwilioDouble) -> Iterator[Client]:
    redirected = Redirected(double.url, timeout=0.5)
    yield Client(double.account.sid, AUTH_TOKEN, http_client=redirected)  # type: ignore[no-untyped-call]
    assert redirected.session
    redirected.session.close()


@pytest.fixture
def post(double: TwilioDouble) -> Iterator[Callable[..., requests.Response]]:
    """Post a form to Messages.json past the library, to do what it would not."""
    with requests.Session() as session:
        session.auth = (double.account.sid, AUTH_TOKEN)
        address = f"{double.url}/2010-04-01/Accounts/{double.account.sid}"
        yield lambda path="/Messages.json", **form: session.post(address + path, data=form, timeout=5)


def send(client: Client, double: TwilioDouble, to: str = PERSON, body: str = "Bonjou", callback: bool = False) -> str:
    sender = double.whatsapp_from if to.startswith("whatsapp:") else double.sms_from
    extra = {"status_callback": f"{PUBLIC}/webhooks/twilio/status?id=1"} if callback else {}
    return str(client.messages.create(to=to, from_=sender, body=body, **extra).sid)


def refusal(client: Client, double: TwilioDouble, to: str = PERSON, body: str = "Bonjou") -> tuple[int, int | None]:
    with pytest.raises(TwilioRestException) as refused:
        send(client, double, to, body)
    return refused.value.status, refused.value.code


# -- the REST API


def test_the_library_sends_lists_reads_and_redacts(double: TwilioDouble, client: Client) -> None:
    sid = send(client, double)
    assert double.expect(PERSON, "Bonjou").sid == sid
    double.send_sms(PERSON, "I need a doctor")
    directions = [str(m.direction) for m in client.messages.list()]
    assert directions == ["inbound", "outbound-api"]
    assert [m.sid for m in client.messages.list(to=PERSON, date_sent_after=double.now())] == [sid]
    assert client.messages.list(date_sent_before=double.now() - timedelta(hours=1)) == []
    assert client.messages(sid).update(body="").body == ""
    assert client.messages(sid).delete()
    with pytest.raises(TwilioRestException):
        client.messages(sid).fetch()
    double.close()


def test_a_list_goes_on_over_its_pages(double: TwilioDouble, client: Client) -> None:
    sids = [send(client, double, body=f"{n}") for n in range(7)]
    pages = client.messages.stream(page_size=3)
    seen = [next(pages).sid]
    sids.append(send(client, double, body="one more, while the list is read"))
    assert seen + [m.sid for m in pages] == sids[-2::-1]
    assert len(double.collect()) == 8
    double.verify()


@pytest.mark.parametrize("path", ["/Messages.json", "/Calls.json"])
def test_answers_are_as_the_description_says(
    double: TwilioDouble, post: Callable[..., requests.Response], path: str
) -> None:
    answer = post(
        path, To=PERSON, From=double.sms_from, **({"Body": "Bonjou"} if "M" in path else {"Twiml": "<Response/>"})
    )
    assert answer.status_code == 201
    assert value_problems(answer.json(), response_schema(path, "post", 201)) == []


def test_the_list_is_as_the_description_says(double: TwilioDouble) -> None:
    for n in range(3):
        double.send_sms(PERSON, f"{n}")
    address = f"{double.url}/2010-04-01/Accounts/{double.account.sid}/Messages.json"
    listed = requests.get(address, {"PageSize": 2}, auth=(double.account.sid, AUTH_TOKEN), timeout=5).json()
    schema = response_schema("/Messages.json", "get", 200)
    schema = {
        **schema,
        "properties": {k: {**v, "nullable": k == "previous_page_uri"} for k, v in schema["properties"].items()},
    }
    assert value_problems(listed, schema) == []
    assert "PageToken=" in listed["next_page_uri"]


def test_wrong_keys_are_refused(double: TwilioDouble) -> None:
    address = f"{double.url}/2010-04-01/Accounts/{double.account.sid}/Messages.json"
    answer = requests.post(address, {"To": PERSON}, auth=(double.account.sid, "wrong"), timeout=5)
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (401, 20003, "Authenticate")
    assert double.sent() == []


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"Colour": "red"}, "Colour is no parameter"),
        ({"SmartEncoded": "perhaps"}, "SmartEncoded has a wrong value"),
        ({"ValidityPeriod": "soon"}, "ValidityPeriod has a wrong value"),
        ({"StatusCallback": "/status"}, "StatusCallback has a wrong value"),
        ({"MessagingServiceSid": "MG1"}, "MessagingServiceSid has a wrong value"),
        ({"Body": ["one", "two"]}, "Body is given 2 times"),
        ({"To": None}, "To is missing"),
        ({"From": None}, "neither From nor MessagingServiceSid"),
        ({"Body": None}, "none of Body, MediaUrl and ContentSid"),
    ],
)
def test_what_the_description_forbids_fails_the_test(
    double: TwilioDouble, post: Callable[..., requests.Response], form: dict[str, object], said: str
) -> None:
    post(**({"To": PERSON, "From": double.sms_from, "Body": "Bonjou"} | form))
    assert said in double.violations[0]
    with pytest.raises(AssertionError, match=said):
        double.close()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ((PERSON, "+17675550123", "x"), 21606),
        ((WHATSAPP, "whatsapp:+17675550123", "x"), 63007),
        ((WHATSAPP, "+17675550199", "x"), 21910),
        (("5550101", "+17675550199", "x"), 21211),
        (("whatsapp:17675550101", "whatsapp:+17675550198", "x"), 21211),
        ((PERSON, "+17675550199", "x" * 1601), 21617),
    ],
)
def test_twilios_own_refusals(double: TwilioDouble, client: Client, message: tuple[str, str, str], code: int) -> None:
    to, sender, body = message
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to=to, from_=sender, body=body)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert double.refused == [(to, code)]
    double.close()


def test_an_opted_out_person_gets_nothing(double: TwilioDouble, client: Client) -> None:
    double.advanced_opt_out = True
    double.send_sms(PERSON, " stop ")
    assert refusal(client, double) == (400, 21610)
    double.send_sms(PERSON, "STOP li frape m")  # no opt-out, and does not undo one
    assert refusal(client, double) == (400, 21610)
    double.send_sms(PERSON, "start")
    send(client, double)
    double.expect(PERSON)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("è" * 160, 1),
        ("È" + "a" * 69, 1),
        ("È" + "a" * 70, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" * 77, 3),  # no character is cut in half
        ("😀" * 35, 1),
        ("😀" * 67, 3),
    ],
)
def test_segments(text: str, count: int) -> None:
    assert segments(text) == count


# -- WhatsApp's window, templates


def test_whatsapp_is_free_for_24_hours_after_a_message(double: TwilioDouble, client: Client, service: Service) -> None:
    send(client, double, WHATSAPP, callback=True)
    double.settle()
    assert (service.form()["MessageStatus"], service.form()["ErrorCode"]) == ("failed", "63016")
    assert double.expect(WHATSAPP).error_code == 63016
    double.send_whatsapp(WHATSAPP, "Bonjou")
    double.advance(timedelta(hours=23, minutes=59))
    send(client, double, WHATSAPP)
    assert double.expect(WHATSAPP).due_error is None
    double.advance(timedelta(minutes=1))
    send(client, double, WHATSAPP)
    assert double.expect(WHATSAPP).due_error == 63016
    double.templates["HX" + "1" * 32] = "Somebody from {{1}} will write to you."
    variables = orjson.dumps({"1": "Koudmen"}).decode()
    client.messages.create(
        to=WHATSAPP, from_=double.whatsapp_from, content_sid="HX" + "1" * 32, content_variables=variables
    )
    assert double.expect(WHATSAPP, "from Koudmen will").due_error is None
    double.close()


def test_a_person_without_a_number_is_written_to(double: TwilioDouble, client: Client, service: Service) -> None:
    double.send_whatsapp("DM.13491208655302741918", "Bonjou")
    assert service.form()["ExternalUserId"] == "whatsapp:DM.13491208655302741918"
    send(client, double, service.form()["From"])
    assert double.expect("whatsapp:DM.13491208655302741918").due_error is None


# -- callbacks and webhooks


@pytest.mark.parametrize(
    ("mode", "statuses"),
    [
        ("in order", ["sent", "delivered", "read"]),
        ("reversed", ["read", "delivered", "sent"]),
        ("duplicate", ["sent", "sent", "delivered", "delivered", "read", "read"]),
        ("none", []),
        (["read", ("sent", 0.01), "delivered"], ["read", "sent", "delivered"]),
    ],
)
def test_callbacks_come_as_asked(
    double: TwilioDouble, client: Client, service: Service, mode: Mode, statuses: list[str]
) -> None:
    double.send_whatsapp(WHATSAPP, "Bonjou")
    service.requests.clear()
    double.callbacks, double.read_receipts = mode, True
    sid = send(client, double, WHATSAPP, callback=True)
    double.settle()
    assert service.statuses() == statuses
    assert str(client.messages(sid).fetch().status) == "read"
    assert not statuses or (service.form()["MessageSid"] == sid and service.signed(AUTH_TOKEN))


def test_webhooks_are_signed_as_the_library_checks(double: TwilioDouble, service: Service) -> None:
    answer = double.send_whatsapp(WHATSAPP, "Mwen bezwen èd", path="/webhooks/twilio/inbound?a=1&b=2")
    assert answer.status == 204
    assert service.signed(AUTH_TOKEN)
    double.account.shared_key = ("key1", "the shared secret")
    double.send_sms(PERSON, "", FromCity="", Later="a new parameter", ToZip=None)
    assert service.requests[-1].headers["x-twilio-webhooks-signature-settings"] == "key=key1,algorithm=HMAC_SHA256"
    assert service.signed("the shared secret", "HMAC_SHA256")
    assert service.form()["Body"] == ""
    assert "ToZip" not in service.form()


def test_signatures_can_be_wrong_and_bodies_strange(double: TwilioDouble, service: Service) -> None:
    for signature in ("missing", "forged"):
        double.send_sms(PERSON, "Bonjou", signature=signature)
        assert not service.signed(AUTH_TOKEN)
    double.send_sms(PERSON, content_type="application/json", raw_body=b"{}")
    assert (service.requests[-1].headers["content-type"], service.requests[-1].body) == ("application/json", b"{}")
    double.send_sms(PERSON, raw_body=b"Body=" + b"x" * 70_000)
    assert service.signed(AUTH_TOKEN)
    assert double.store.messages == {}  # Twilio knows nothing of these


def test_whatsapp_forms(double: TwilioDouble, service: Service) -> None:
    double.send_whatsapp("+17675550102", location=(15.57, -61.45), Label="Portsmouth")
    assert {
        "Latitude": "15.57",
        "Body": "",
        "MessageType": "location",
        "Label": "Portsmouth",
    }.items() <= service.form().items()
    double.send_whatsapp(WHATSAPP, button=("Wi", "yes:7"))
    assert {"ButtonText": "Wi", "ButtonPayload": "yes:7", "Body": "Wi"}.items() <= service.form().items()
    double.send_whatsapp(WHATSAPP, list_item=("health", "Doctor"))
    assert {"ListId": "health", "ListTitle": "Doctor", "MessageType": "interactive"}.items() <= service.form().items()
    double.send_whatsapp(WHATSAPP, media=["audio/ogg"])
    assert {"NumMedia": "1", "MessageType": "audio", "MediaContentType0": "audio/ogg"}.items() <= service.form().items()
    assert service.form()["MediaUrl0"].startswith("https://api.twilio.com/2010-04-01/Accounts/AC")


def test_a_message_is_repeated_word_for_word_or_lost(double: TwilioDouble, service: Service, client: Client) -> None:
    sid = double.send_sms(PERSON, "Bonjou").sid
    assert double.repeat(sid).status == 204
    assert service.requests[0].body == service.requests[1].body
    lost = double.send_sms(PERSON, "nobody hears me", deliver=False)
    assert len(service.requests) == 2
    assert [m.sid for m in client.messages.list(to=double.sms_from)] == [lost.sid, sid]


def test_a_webhook_must_not_answer_with_a_page(double: TwilioDouble, service: Service) -> None:
    service.reply = Reply(200, b"{}")
    double.send_sms(PERSON, "Bonjou")
    assert "not TwiML" in double.wait_for_violation()


def test_a_flood_is_timed_and_counted(double: TwilioDouble, service: Service) -> None:
    pairs = [(f"whatsapp:+1767555{n:04}" if n % 2 else f"+1767555{n:04}", f"message {n}") for n in range(100, 200)]
    flood = double.flood(pairs, rate=400, connections=4)
    assert flood.statuses == {204: 100}
    assert flood.seconds >= 99 / 400
    assert 0 < flood.percentile(50) <= flood.percentile(99) <= flood.latencies[-1]
    assert len(service.requests) == len({a.sid for a in flood.answers}) == 100


# -- faults and expectations


def test_faults_on_order(double: TwilioDouble, client: Client) -> None:
    double.fail(503, 20503, times=2)
    assert [refusal(client, double), refusal(client, double)] == [(503, 20503)] * 2
    double.fail(code=21614, to="+17675550105", times=None)
    send(client, double)
    assert refusal(client, double, "+17675550105") == (400, 21614)
    double.heal()
    send(client, double, "+17675550105")
    assert len(double.collect()) == 2
    double.limit(2)
    send(client, double)
    send(client, double)
    assert refusal(client, double) == (429, 20429)


@pytest.mark.parametrize("accepted", [False, True])
def test_an_unknown_outcome(double: TwilioDouble, client: Client, accepted: bool) -> None:
    double.drop(accepted=accepted)
    with pytest.raises(requests.ConnectionError):
        send(client, double)
    double.hang(accepted=accepted)
    with pytest.raises(requests.ReadTimeout):
        send(client, double)
    assert len(client.messages.list(to=PERSON)) == len(double.collect()) == 2 * accepted


def test_a_message_fails_on_its_way(double: TwilioDouble, client: Client, service: Service) -> None:
    double.fail_later(30003)
    send(client, double, callback=True)
    double.settle()
    assert service.statuses() == ["sent", "undelivered"]
    assert service.form()["ErrorCode"] == "30003"
    service.reply = Reply(500)
    send(client, double, callback=True)
    assert "was answered with 500" in double.wait_for_violation()


def test_what_nobody_expected_fails_the_test(double: TwilioDouble, client: Client) -> None:
    late = threading.Timer(0.05, send, (client, double))
    late.start()
    double.expect(PERSON, ["Bon", "jou"], lacks="adye")
    late.join()
    send(client, double, body="and another")
    with pytest.raises(AssertionError, match="and another"):
        double.expect(PERSON, "something else", timeout=0.01)
    client.calls.create(to=PERSON, from_=double.sms_from, url=f"{PUBLIC}/voice")
    with pytest.raises(
        AssertionError, match=r"(?s)not expected: \+17675550101 .*and another.*called, but not expected"
    ):
        double.verify()
    double.expect_call(PERSON)
    with pytest.raises(AssertionError, match="and another"), double:
        pass


def test_a_messaging_service_chooses_the_sender(double: TwilioDouble, client: Client) -> None:
    service = "MG" + "1" * 32
    double.messaging_services[service] = [double.whatsapp_from, double.sms_from]
    made = client.messages.create(to=PERSON, messaging_service_sid=service, body="Bonjou")
    assert (made.from_, str(made.status), made.num_segments) == (None, "accepted", "0")
    assert double.expect(PERSON).from_ == double.sms_from


def test_a_list_lags_and_fails_as_told(double: TwilioDouble, client: Client) -> None:
    double.list_lag = timedelta(seconds=30)
    sid = send(client, double)
    assert client.messages.list() == []
    double.advance(timedelta(seconds=31))
    assert [m.sid for m in client.messages.list()] == [sid]
    double.fail(500, on="read")
    with pytest.raises(TwilioException):
        client.messages.list()
    double.delay(0.01)
    send(client, double)
    assert len(double.wait_for(2)) == len(double.collect()) == 2


def test_a_flood_goes_on_when_a_connection_breaks(double: TwilioDouble, service: Service) -> None:
    assert double.flood([(PERSON, "one")]).statuses == {204: 1}
    service.server.stop()
    assert double.flood([(PERSON, "two")], retries=1).statuses == {0: 1}


def test_a_cut_connection_is_opened_anew(double: TwilioDouble, client: Client, service: Service) -> None:
    double.send_sms(PERSON, "one")
    service.server.cut()
    assert double.send_sms(PERSON, "two").status == 204
    assert double.voice(f"{PUBLIC}/webhooks/twilio/voice", CallSid="CA" + "1" * 32).status == 204
    assert service.form()["CallStatus"] == "in-progress"
