"""A rare phrase and rare addresses, sent down every path there is."""

import json
from datetime import timedelta
from urllib.parse import quote

from base.db import database_now, make_engine, make_sessions, transaction
from messaging.gateway import SIGNATURE
from messaging.gateway import sign as sign_gateway
from oncall import rota, staff
from tests.security.whole import GATEWAY_SECRET, Whole
from tests.service import wait_until
from tests.webhooks.caller import INBOUND, STATUS, Answer, Caller, sms

ONE, TWO = "zwazokwabiyon", "ksilofanwouj"
SMS, WHATSAPP, GATEWAY, SIMULATOR = "+17675550142", "+17675550143", "+17675550144", "+17675550145"
SCOPED = "DM.91374650287465193"
OFFICER, NAMED = "+17675550146", "Zefirinbwapeyi"
PLACE = ("15.5738291", "-61.4582917")
SECRETS = {
    "first word": ONE, "second word": TWO, "SMS number": SMS, "WhatsApp number": WHATSAPP, "gateway number": GATEWAY,
    "simulator number": SIMULATOR, "WhatsApp id": SCOPED, "latitude": PLACE[0], "longitude": PLACE[1],
    "officer's number": OFFICER, "officer's name": NAMED,
}  # fmt: skip
NEED = f"mwen bezwen yon doktè {ONE} {TWO} nan Pòtsmouf"
HARM = f"mari m ap bat mwen {ONE} {TWO}"


class Story:
    """Plays it; every HTTP answer is kept in `answers`."""

    def __init__(self, parts: Whole) -> None:
        self.parts, self.double = parts, parts.double
        self.web = Caller(parts.service.url, parts.service.url)
        self.answers: list[Answer] = []
        self.raw_answers: list[bytes] = []

    def play(self) -> None:
        self.somebody_is_on_call()
        self.ordinary()
        self.the_officer_answers()
        self.other_channels()
        self.refused_requests()
        self.the_carrier_refuses()
        self.turns_fail()
        self.jobs_fail()
        self.requests_fail()
        self.rasa_is_away()
        self.all_handled()

    def somebody_is_on_call(self) -> None:
        """An officer who is also the only supervisor."""
        engine = make_engine(self.parts.database_url)
        with transaction(make_sessions(engine)) as session:
            now = database_now(session)
            roles = ["officer", "supervisor"]
            one = staff.add(session, NAMED, roles, now, phone=OFFICER, verified=True, email=f"{NAMED}@example.org")
            rota.add_shift(session, one.id, 1, now, now + timedelta(days=1), now)
        engine.dispose()

    def the_officer_answers(self) -> None:
        """By text: takes it, asks who has it, passes it on; and texts STOP."""
        page = self.double.expect(OFFICER, "ORANGE", timeout=15)
        code = page.text.split()[1].rstrip(".")
        for text, told in ((f"A {code}", "is yours"), (f"? {code}", NAMED), (f"P {code}", "passed on")):
            self.double.send_sms(OFFICER, text)
            self.double.expect(OFFICER, told, timeout=15)

    def ordinary(self) -> None:
        """What people send, and Twilio's own reports about the answers."""
        self.double.read_receipts = True
        self.double.send_sms(SMS, NEED, sid="SM" + "c0ffee" * 5 + "00")
        self.double.expect(SMS, timeout=10)
        self.double.send_sms(SMS, HARM)
        self.double.expect(SMS, "999", timeout=10)
        self.double.send_whatsapp(WHATSAPP, NEED, profile_name=f"{TWO} {ONE}")
        self.double.expect(f"whatsapp:{WHATSAPP}", timeout=10)
        self.double.send_whatsapp(SCOPED, HARM, profile_name=f"{TWO} {ONE}")
        self.double.expect(f"whatsapp:{SCOPED}", "999", timeout=10)
        self.double.send_whatsapp(WHATSAPP, location=(float(PLACE[0]), float(PLACE[1])))
        self.double.send_whatsapp(
            WHATSAPP, f"gade foto a {ONE}", media=["image/jpeg"], MediaUrl0=f"https://api.twilio.com/{ONE}/{TWO}"
        )
        self.double.send_whatsapp(WHATSAPP, button=(f"{ONE}", f"{TWO}"))
        self.double.send_sms(SMS, f"{ONE} {TWO} " * 80)
        self.double.send_sms(SMS, f"mwen rele {ONE}", SomethingNew=f"{ONE} {TWO}")

    def other_channels(self) -> None:
        """The gateway, and the simulator by page and by file."""
        body = json.dumps({"id": "1", "from": GATEWAY, "text": HARM}).encode()
        headers = {SIGNATURE: sign_gateway(GATEWAY_SECRET, body), "Content_Type": "application/json"}
        assert self._send("/webhooks/gateway/inbound", body, **headers).status == 204
        wait_until(
            lambda: any(GATEWAY.encode() in taken for taken in self.parts.gateway.taken), "the gateway is sent to"
        )
        typed = {"mode": "whatsapp", "number": SIMULATOR, "text": NEED}
        for message in (typed, typed | {"text": HARM}, typed | {"latitude": PLACE[0], "longitude": PLACE[1]}):
            sent = self.web.send("/simulator/messages", json.dumps(message).encode(), Content_Type="application/json")
            assert sent.status == 201
        self.web.get("/simulator/messages", **{"X-Mode": "whatsapp", "X-Number": SIMULATOR})

    def refused_requests(self) -> None:
        """Requests that are refused, by us and by gunicorn, with the secrets in every part of them."""
        words = quote(f"{ONE} {TWO} {SMS}")
        form = f"Body={words}&From={quote(SMS)}&MessageSid=SM1".encode()
        self._send(INBOUND, form)
        self._send(f"{INBOUND}?{words}", form, X_Twilio_Signature=ONE)
        self._send(f"/webhooks/{words}", form)
        self._send(f"/simulator/static/{words}", b"", "GET")
        self._send(INBOUND, form, "PUT")
        self._send(INBOUND, form, Content_Type=f"text/{ONE}")
        self._send(INBOUND, form + b"&x=" + ONE.encode() * 9000)
        self._send(INBOUND, form + b"\xff")
        self._send(STATUS, form)
        self._send("/webhooks/gateway/inbound", form)
        self._send("/webhooks/gateway/inbound", form, Content_Type="application/json", **{SIGNATURE: ONE})
        bad = f'{{"id": "{ONE}", "from": "{SMS}", "text": '.encode()
        signature = {SIGNATURE: sign_gateway(GATEWAY_SECRET, bad)}
        self._send("/webhooks/gateway/inbound", bad, Content_Type="application/json", **signature)
        self._send("/simulator/messages", bad, Content_Type="application/json")
        self._send("/metrics", b"", "GET", Authorization=f"Bearer {ONE}")
        # Signed by Twilio, and yet nothing we can use.
        self.answers.append(self.web.post([("Body", NEED), ("From", SMS)]))
        self.answers.append(self.web.post(sms(NEED, From=f"{SMS}:{ONE}")))
        self.answers.append(self.web.post(sms(NEED, From=f"whatsapp{SMS}:{ONE}")))
        report = {"To": SMS, "From": ONE, "Body": NEED, "MessageStatus": ONE, "ErrorMessage": TWO, "MessageSid": ONE}
        for about in (ONE, "00000000-0000-0000-0000-000000000000"):
            self.answers.append(self.web.post(list(report.items()), f"{STATUS}?m={about}"))
        for request in (
            f"GET /{ONE} {TWO} HTTP/1.1\r\nHost: x\r\n\r\n",
            f"GET /{ONE}?{SMS} HTTP/9.9\r\nHost: x\r\n\r\n",
            f"{ONE.upper()} / HTTP/1.1\r\nHost: x\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: x\r\n{ONE} {TWO}: {SMS}\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: x\r\nX: {ONE}\0{TWO}\r\n\r\n",
            f"GET /{ONE}/{'x' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: x\r\nX: {ONE * 2000}\r\n\r\n",
            f"POST {INBOUND} HTTP/1.1\r\nHost: x\r\nContent-Length: {ONE}\r\n\r\n{TWO}",
            f"POST {INBOUND} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{ONE}\r\n{TWO}",
            f"{ONE} {TWO} {SMS}",
        ):
            self.raw_answers.append(self.web.exchange(request.encode()))

    def the_carrier_refuses(self) -> None:
        """The send is refused with several codes, hangs (and is looked up), fails later."""
        for code in (21211, 21610, 20003):
            self.double.fail(code=code, to=f"whatsapp:{SCOPED}")
            self.double.send_whatsapp(SCOPED, NEED)
            self.parts.wait_logged("send refused")
        self.double.send_whatsapp(SCOPED, "START")
        self.double.hang(accepted=True, to=SMS)
        self.double.send_sms(SMS, NEED)
        self.parts.wait_logged("send outcome unknown")
        self.double.drop(to=f"whatsapp:{WHATSAPP}")
        self.double.send_whatsapp(WHATSAPP, NEED)
        self.double.fail_later(30008, to=SMS)
        self.double.send_sms(SMS, NEED)
        self.parts.wait_logged("unknown outcome settled")
        self.double.heal()

    def turns_fail(self) -> None:
        """A turn that fails again and again, until a person is given the message."""
        with self.parts.without_table("demand"):
            self.double.send_sms(SMS, NEED)
            self.double.send_whatsapp(WHATSAPP, NEED)
            self.parts.wait_logged("turn failed")
            wait_until(lambda: self._count("inbound_message WHERE outcome = 'failed'") == 2, "a person has both", 30)
        with self.parts.without_table("case_event"):
            self.double.send_sms(SMS, HARM)
            failed = self.parts.service.logs().count('"turn failed"')
            wait_until(lambda: self.parts.service.logs().count('"turn failed"') > failed, "the turn fails", 20)

    def jobs_fail(self) -> None:
        """A whole job that fails, so that RQ keeps its error."""
        with self.parts.without_table("sender"):
            self.double.send_sms(SMS, NEED)
            wait_until(lambda: b"exc_" in bytes(self.parts.monitor.seen), "RQ has kept an error", 20)

    def requests_fail(self) -> None:
        """A request that fails in the database: it is spooled, and taken in when the table is back."""
        with self.parts.without_table("inbound_message"):
            self.answers.append(self.web.post(sms(NEED, From=SMS)))
            assert self.answers[-1].status == 204
            self.parts.wait_logged("spooled")
            self.parts.wait_logged("spool not emptied")
        self.parts.wait_logged("spool emptied")

    def rasa_is_away(self) -> None:
        """Rasa is killed in the middle."""
        self.parts.stop_rasa()
        for number in range(8):
            self.double.send_sms(SMS, f"{NEED} {number}")
            self.double.send_whatsapp(WHATSAPP, f"{HARM} {number}")
        self.parts.wait_logged("rasa is away, keywords go on alone")

    def all_handled(self) -> None:
        """Nothing waits any more."""
        wait_until(lambda: self._count("inbound_message WHERE handled_at IS NULL") == 0, "all is handled", 60)
        waiting = "outbound_message WHERE state IN ('queued', 'sending') AND due_at <= now()"
        wait_until(lambda: self._count(waiting) == 0, "all is sent", 60)

    def _count(self, what: str) -> int:
        return int(self.parts.sql(f"SELECT count(*) FROM {what}")[0][0])

    def _send(self, path: str, body: bytes, method: str = "POST", **headers: str) -> Answer:
        answer = self.web.send(path, body, method, **headers)
        self.answers.append(answer)
        return answer
