"""`python -m tests.bench.proxy`: deploy/nginx.conf as it is, in front of both applications as they are served to real
people, with a certificate of its own in a temporary folder. Needs nginx (Debian: `apt-get install nginx-light`), so it
is no part of the tests. One line for each thing tried; exit code 0 only when all of them hold.
"""

import contextlib
import datetime as dt
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyotp
import urllib3
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import expect
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from twilio.request_validator import RequestValidator

from base.crypto import load_keys
from base.db import database_now, keys, make_engine, make_sessions, transaction, use_keys
from base.settings import ROOT
from dashboard.accounts import codes, passwords
from dashboard.models import Credential, SignInFailure
from koudmen.database import upgrade_at
from koudmen.embedded import embedded_postgres
from koudmen.processes import STAFF_THREADS
from messaging import inbox, simulator
from oncall import cases, staff
from oncall.cases import Disclosure
from tests.bench.stack import FOREIGN
from tests.dashboard.chromium import started
from tests.service import free_port, wait_until

WEB, STAFF = "koudmen.example", "staff.koudmen.example"
PHONE, PASSWORD, TOKEN = "+17675550150", "four mango words here", "not-a-real-token"
TWILIO = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_SMS_FROM": "+17675550199"}


@dataclass
class Front:
    """nginx, what is behind it, and one browser's cookies."""

    port: int
    plain: int
    authority: Path
    sessions: sessionmaker[Session]
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, name: str, method: str, path: str, *, body: bytes | None = None, source: str = "127.0.0.1",
        preload: bool = True, **headers: str,
    ) -> urllib3.BaseHTTPResponse:  # fmt: skip
        """One request by https to a name, checked against the certificate."""
        pool = urllib3.HTTPSConnectionPool(
            "127.0.0.1", self.port, ca_certs=str(self.authority), server_hostname=name, assert_hostname=name,
            source_address=(source, 0), retries=False, timeout=20,
        )  # fmt: skip
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        told = {key.replace("_", "-"): value for key, value in headers.items()}
        answer = pool.urlopen(
            method, path, body=body, headers={"Host": name, **told}, redirect=False, preload_content=preload
        )
        for one in answer.headers.getlist("Set-Cookie"):
            key, _, value = one.partition(";")[0].partition("=")
            self.cookies[key] = value
        return answer

    def form(
        self, path: str, source: str = "127.0.0.1", forwarded: str = "", **fields: str
    ) -> urllib3.BaseHTTPResponse:
        """A form of the staff site, sent with its page's token."""
        page = self.ask(STAFF, "GET", "/sign-in/code" if path.endswith("code") else "/sign-in", source=source).data
        token = re.search(rb'name="csrf_token" value="([^"]+)"', page)
        sent = urlencode({**fields, "csrf_token": token[1].decode() if token else ""}).encode()
        more: dict[str, Any] = {"X_Forwarded_For": forwarded} if forwarded else {}
        kind = "application/x-www-form-urlencoded"
        return self.ask(STAFF, "POST", path, body=sent, source=source, Content_Type=kind, **more)


def main() -> int:
    if not shutil.which("nginx"):
        print("nginx is not installed: apt-get install nginx-light")
        return 2
    with standing() as front:
        held = [_held(check, front) for check in CHECKS]
    return 0 if all(held) else 1


def _held(check: Callable[[Front], str], front: Front) -> bool:
    title = (check.__doc__ or "").strip().rstrip(".")
    try:
        told = check(front)
    except AssertionError as error:
        print(f"NOT   {title}: {error}", flush=True)
        return False
    print(f"holds {title}{': ' if told else ''}{told}", flush=True)
    return True


def _is(found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"{found!r}, not {wanted!r}")


def _that(holds: object, told: object) -> None:
    if not holds:
        raise AssertionError(told)


def to_https(front: Front) -> str:
    """By http one is sent on to https."""
    answer = urllib3.request(
        "GET", f"http://127.0.0.1:{front.plain}/sign-in?x=1", headers={"Host": STAFF}, redirect=False, retries=False
    )
    _is((answer.status, answer.headers["Location"]), (301, f"https://{STAFF}/sign-in?x=1"))
    return answer.headers["Location"]


def headers(front: Front) -> str:
    """The sign-in page has HSTS, no-store, the policy and no word of which server it is."""
    answer = front.ask(STAFF, "GET", "/sign-in")
    _is(answer.status, 200)
    _is(answer.headers["Strict-Transport-Security"], "max-age=31536000")
    _is(answer.headers["Cache-Control"], "no-store")
    _that("default-src 'none'" in answer.headers["Content-Security-Policy"], "policy")
    _is(answer.headers["Server"], "nginx")
    return answer.headers["Strict-Transport-Security"]


def cookies(front: Front) -> str:
    """A whole sign-in by password and code; every cookie is __Host-, Secure, HttpOnly, with a path and no domain."""
    told: list[str] = []
    for path, fields in (
        ("/sign-in", {"account": PHONE, "password": PASSWORD}), ("/sign-in/code", {"code": _code(front)}),
    ):  # fmt: skip
        answer = front.form(path, **fields)
        _is(answer.status, 303)
        told += answer.headers.getlist("Set-Cookie")
    _is(front.ask(STAFF, "GET", "/queue").status, 200)
    _that(len(told) >= 3, told)
    for one in told:
        parts = {part.strip().split("=")[0].lower() for part in one.split(";")[1:]}
        name = one.partition("=")[0]
        _that(name.startswith("__Host-"), name)
        _that({"secure", "httponly", "path", "samesite"} <= parts and "domain" not in parts, (name, parts))
    return ", ".join(sorted({one.partition("=")[0] for one in told}))


def _code(front: Front) -> str:
    with front.sessions() as session:
        secret = session.scalars(select(Credential.totp_secret)).one()
    return pyotp.TOTP(secret or "").now()


def live(front: Front) -> str:
    """The live queue is not held back: first line at once, a new case in two seconds, a sign of life each 15."""
    begun = time.monotonic()
    answer = front.ask(STAFF, "GET", "/live", preload=False, Accept="text/event-stream", Accept_Encoding="gzip")
    stream = answer.stream(1024, decode_content=False)
    _that(next(stream).startswith(b"retry:"), "first line")
    first = time.monotonic() - begun
    _is((answer.status, answer.headers.get("Content-Encoding")), (200, None))
    _until(stream, b"event: queue")
    _tell(front)
    begun = time.monotonic()
    _until(stream, b"event: queue")
    took = time.monotonic() - begun
    begun = time.monotonic()
    _until(stream, b"event: here")
    quiet = time.monotonic() - begun
    answer.close()
    _that(first < 2 and took < 2 and quiet < 17, (first, took, quiet))
    return f"{first * 1000:.0f} ms, {took * 1000:.0f} ms, {quiet:.0f} s"


def _until(stream: Iterator[bytes], wanted: bytes) -> None:
    for part in stream:
        if wanted in part:
            return
    raise AssertionError("the stream ended")


def _tell(front: Front) -> str:
    """Somebody tells of harm; the case's code."""
    with transaction(front.sessions) as session:
        number = f"+1767555{100 + int(time.time() * 10) % 99:04}"
        got = inbox.receive(session, simulator.parse_inbound("sms", number, "x"))
        told = Disclosure("domestic_violence", "critical")
        return cases.disclose(session, got.conversation_id, got.message_id or 0, told, language="ht").code


def zipped(front: Front) -> str:
    """Only the rows of the queue, which hold no token, are compressed."""
    for path, encoding in (("/queue/rows", "gzip"), ("/queue", None), ("/me", None)):
        answer = front.ask(STAFF, "GET", path, Accept_Encoding="gzip")
        _is((path, answer.status, answer.headers.get("Content-Encoding")), (path, 200, encoding))
    return ""


def callers(front: Front) -> str:
    """What a caller says in X-Forwarded-For is not believed; callers are told apart by where they come from."""
    saved, front.cookies = front.cookies, {}
    for number in range(6):
        front.form(
            "/sign-in", account=PHONE, password="wrong wrong", source="127.0.0.3", forwarded=f"203.0.113.{number}"
        )
    front.cookies = {}
    front.form("/sign-in", account=PHONE, password="wrong wrong", source="127.0.0.4")
    front.cookies = saved
    with front.sessions() as session:
        found = [bytes(one) for one in session.scalars(select(SignInFailure.caller).order_by(SignInFailure.id))]
    here = [keys().lookup("sign-in caller", f"127.0.0.{number}") for number in (3, 4)]
    _is([found.count(one) for one in here], [5, 1])
    return "five tries from one address are counted, the sixth not looked at; one from another"


def sizes(front: Front) -> str:
    """Large bodies: 100 KB before signing in, 2 MB to a form, 21 MB to the import, 3 MB by who is no editor."""
    kind = "multipart/form-data; boundary=xx"
    saved, front.cookies = front.cookies, {}
    _is(front.ask(STAFF, "POST", "/sign-in", body=b"x" * 100_000, Content_Type=kind).status, 413)
    front.cookies = saved
    _is(front.ask(STAFF, "POST", "/me/password", body=b"x" * 2_000_000, Content_Type=kind).status, 413)
    _is(front.ask(STAFF, "POST", "/directory/files", body=b"x" * 21_500_000, Content_Type=kind).status, 413)
    _is(front.ask(STAFF, "POST", "/directory/files", body=b"x" * 3_000_000, Content_Type=kind).status, 413)
    return "413 each"


def webhooks(front: Front) -> str:
    """A webhook that Twilio signed is taken, one that nobody signed is not; nothing else is open."""
    path, fields = "/webhooks/twilio/inbound", {"MessageSid": "SM1", "From": "+17675550101", "To": "+17675550199",
                                               "Body": "hello", "AccountSid": "AC1"}  # fmt: skip
    validator = RequestValidator(TOKEN)  # type: ignore[no-untyped-call]
    sign = validator.compute_signature(f"https://{WEB}{path}", fields)  # type: ignore[no-untyped-call]
    body, kind = urlencode(fields).encode(), "application/x-www-form-urlencoded"
    signed = front.ask(WEB, "POST", path, body=body, Content_Type=kind, X_Twilio_Signature=sign)
    _is((signed.status, front.ask(WEB, "POST", path, body=body, Content_Type=kind).status), (204, 403))
    _is({front.ask(WEB, "GET", one).status for one in ("/simulator", "/queue", "/sign-in", "/")}, {404})
    _is(front.ask(WEB, "GET", "/healthz").status, 200)
    _is(front.ask(WEB, "GET", "/readyz", source="127.0.0.5").status, 403)
    return "204, 403, 404"


def networks(front: Front) -> str:
    """The staff site is closed to whoever is not in the ministry's network."""
    _is(front.ask(STAFF, "GET", "/sign-in", source="127.0.0.77").status, 403)
    return "403"


def second_version(front: Front) -> str:
    """HTTP/2 is spoken: pages of one browser share a connection with its live queue."""
    told = subprocess.run(
        ["curl", "-s", "-o", os.devnull, "-w", "%{http_version}", "--http2", "--cacert", str(front.authority),
         "--resolve", f"{STAFF}:{front.port}:127.0.0.1", f"https://{STAFF}:{front.port}/sign-in"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    _is(told, "2")
    return ""


def chromium(front: Front) -> str:
    """A real Chromium: a new case is in the queue without a reload, and its cookies are out of reach of scripts."""
    with started(f"--host-resolver-rules=MAP {STAFF} 127.0.0.1:{front.port}") as browser:
        context = browser.new_context(base_url=f"https://{STAFF}", ignore_https_errors=True)
        for name, value in front.cookies.items():
            context.add_cookies(
                [{"name": name, "value": value, "url": f"https://{STAFF}/", "secure": True, "httpOnly": True}]
            )
        page = context.new_page()
        page.goto("/queue")
        expect(page.locator("#line")).to_contain_text("Live", timeout=20_000)
        code = _tell(front)
        expect(page.get_by_role("link", name=code, exact=True)).to_be_visible(timeout=20_000)
        _is(page.evaluate("document.cookie"), "")
        return str(page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol"))


CHECKS = (
    to_https, headers, cookies, zipped, live, chromium, callers, sizes, webhooks, networks, second_version,
)  # fmt: skip


@contextmanager
def standing() -> Iterator[Front]:
    """Database, both applications, nginx."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="koudmen-proxy-")))
        folder.chmod(0o755)  # PostgreSQL and nginx run as other users when we are root
        url = stack.enter_context(embedded_postgres(folder / "home"))
        use_keys(load_keys(None, folder / "home"))
        engine = make_engine(url, pool_size=4)
        stack.callback(engine.dispose)
        upgrade_at(engine)
        sessions = make_sessions(engine)
        _officer(sessions)
        web, site, port, plain = free_port(), free_port(), free_port(), free_port()
        env = _environment(folder, url)
        stack.enter_context(_served(web, "python:koudmen.gunicorn_web", "webhooks.app:create_front()", env))
        threads = ("--threads", str(STAFF_THREADS))
        stack.enter_context(_served(site, "python:koudmen.gunicorn_conf", "dashboard.app:create_app()", env, *threads))
        authority = _certificate(folder)
        stack.enter_context(_nginx(folder, {"web": web, "staff": site, "tls": port, "plain": plain}))
        yield Front(port, plain, authority, sessions)


def _officer(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        now = database_now(session)
        who = staff.add(session, "Ada", ["officer"], now, phone=PHONE, verified=True)
        passwords.put(session, who.id, PASSWORD, now)
        codes.new_totp(session, who.id)
        passwords.of(session, who.id).totp_confirmed_at = now


def _environment(folder: Path, url: str) -> dict[str, str]:
    """As real people are served: Twilio is on, the numbers are confirmed, the staff site has its address."""
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    for number in config["emergency"]:
        number |= {"confirmed_by": "A. Clerk", "confirmed_on": dt.date(2026, 11, 1)}
    config["oncall"]["staff_url"] = f"https://{STAFF}"
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    ours = {"KOUDMEN_HOME": str(folder / "home"), "KOUDMEN_CONFIG": str(path), "DATABASE_URL": url}
    return {**kept, **ours, **TWILIO, "PUBLIC_BASE_URL": f"https://{WEB}"}


@contextmanager
def _served(port: int, config: str, application: str, env: dict[str, str], *more: str) -> Iterator[None]:
    argv = [sys.executable, "-m", "gunicorn", "--config", config, "--bind", f"127.0.0.1:{port}", *more, application]
    process = subprocess.Popen(argv, cwd=ROOT, env=env)
    try:
        wait_until(lambda: _answers(port), f"{application} answers", 60)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    with contextlib.suppress(urllib3.exceptions.HTTPError):
        return urllib3.request("GET", f"http://127.0.0.1:{port}/healthz", retries=False).status == 200
    return False


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _certificate(folder: Path) -> Path:
    """One certificate for both names, signed by itself."""
    key, begins = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, WEB)])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in (WEB, STAFF)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain, form = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    (folder / "privkey.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return folder / "fullchain.pem"


@contextmanager
def _nginx(folder: Path, ports: dict[str, int]) -> Iterator[None]:
    """deploy/nginx.conf with other ports, paths and networks, and nothing else changed."""
    text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    for old, new in (
        (r"127\.0\.0\.1:8000", f"127.0.0.1:{ports['web']}"), (r"127\.0\.0\.1:8001", f"127.0.0.1:{ports['staff']}"),
        (r"listen 443", f"listen {ports['tls']}"), (r"listen 80;", f"listen {ports['plain']};"),
        (r"    listen \[::\]:.*\n", ""), (r"/etc/letsencrypt/live/[a-z.]+", str(folder)),
        (r"/var/log/nginx", str(folder)), (r"/var/cache/nginx", str(folder)),
        (r"allow 203\.0\.113\.0/24;", "allow 127.0.0.0/28;"),
    ):  # fmt: skip
        text, count = re.subn(old, new, text)
        _that(count, f"{old} is not in nginx.conf")
    kept = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"pid {folder}/nginx.pid;\nevents {{}}\nhttp {{\n{kept}{text}\n}}\n"
    if os.getuid() == 0:
        whole = "user root;\n" + whole
    (folder / "nginx.conf").write_text(whole, encoding="utf-8")
    argv = ["nginx", "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    subprocess.run([*argv, "-t", "-q"], check=True)
    process = subprocess.Popen([*argv, "-g", "daemon off;"])
    try:
        wait_until(lambda: _listens(ports["plain"]), "nginx runs", 30)
        yield
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    sys.exit(main())
