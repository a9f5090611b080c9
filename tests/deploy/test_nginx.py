"""nginx with the file as it is delivered, in front of the real public application: what passes, what is refused, what
is kept, and what is written to disk. Only names of files, ports and addresses are changed for the test."""

import os
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import Engine

from base.settings import ROOT
from tests.deploy.programs import found
from tests.service import Service, free_port, wait_until
from tests.webhooks.caller import INBOUND, Answer, rows, sign, sms
from tests.webhooks.conftest import PUBLIC, twilio_process

__all__ = ["twilio_process"]
NAME = "koudmen.example"


def certificate(folder: Path) -> None:
    """A certificate for both names, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "privkey.pem").write_bytes(secret)


def delivered(folder: Path, web: int, https: int) -> Path:
    """The delivered file within a whole configuration of its own, below `folder`."""
    text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    text = re.sub(r"/etc/letsencrypt/live/[^/]+/", f"{folder}/", text)
    text = text.replace("error.log crit;", "error.log warn;")  # it warns of each body and page that it writes to disk
    text = text.replace("/var/log/nginx/", f"{folder}/").replace("/var/cache/nginx/", f"{folder}/cache-")
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{web}").replace("127.0.0.1:8001", "127.0.0.1:1")
    text = re.sub(r"(?m)^ *listen \[::\]:.*\n", "", text)
    text = text.replace("listen 443", f"listen 127.0.0.1:{https}").replace(
        "listen 80;", f"listen 127.0.0.1:{free_port()};"
    )
    paths = "\n".join(
        f"{kind}_temp_path {folder}/temp-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "koudmen.conf").write_text(text, encoding="utf-8")
    whole = folder / "nginx.conf"
    user = "user root;" if os.getuid() == 0 else ""
    whole.write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log notice; worker_processes 1;\n"
        f"events {{}}\nhttp {{\n{paths}\ninclude {folder}/koudmen.conf;\n}}\n"
    )
    return whole


@dataclass
class Proxy:
    """nginx as it runs."""

    folder: Path
    port: int

    def ask(self, method: str, path: str, body: bytes | None = None, name: str = NAME, **headers: str) -> Answer:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)
        named = {key.replace("_", "-"): value for key, value in headers.items()} | {"Host": name}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        seen = Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())
        connection.close()
        return seen

    def webhook(self, fields: list[tuple[str, str]]) -> Answer:
        body = urlencode(fields).encode()
        kind = "application/x-www-form-urlencoded"
        signature = sign(PUBLIC + INBOUND, fields)
        return self.ask("POST", INBOUND, body, Content_Type=kind, X_Twilio_Signature=signature)


def running(folder: Path, web: int) -> Iterator[Proxy]:
    certificate(folder)
    port = free_port()
    whole = delivered(folder, web, port)
    process = subprocess.Popen([found("nginx"), "-p", str(folder), "-c", str(whole), "-e", str(folder / "error.log")])
    wait_until(lambda: _open(port), "nginx listens")
    yield Proxy(folder, port)
    process.terminate()
    process.wait(10)


def _open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, twilio_process: Service) -> Iterator[Proxy]:
    yield from running(tmp_path_factory.mktemp("nginx"), int(twilio_process.url.rpartition(":")[2]))


def test_nginx_itself_finds_no_fault(tmp_path: Path) -> None:
    certificate(tmp_path)
    whole = delivered(tmp_path, 1, free_port())
    done = subprocess.run(
        [found("nginx"), "-t", "-p", str(tmp_path), "-c", str(whole), "-e", str(tmp_path / "error.log")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "[emerg]" not in done.stderr


def test_a_signed_webhook_comes_through_and_its_signature_still_fits(proxy: Proxy, engine: Engine) -> None:
    assert proxy.webhook(sms("mwen bezwen yon doktè")).status == 204
    assert rows(engine)["inbound_message"] == 1
    assert proxy.ask("POST", INBOUND, b"From=x", Content_Type="application/x-www-form-urlencoded").status == 403


@pytest.mark.parametrize("kilobytes", [20, 60])
def test_a_long_message_is_never_written_to_nginx_s_disk(proxy: Proxy, engine: Engine, kilobytes: int) -> None:
    """nginx writes a body that is larger than its buffer to a file, and tells so in its log."""
    assert proxy.webhook([*sms("long"), ("More", "x" * kilobytes * 1024)]).status == 204
    assert "buffered to a temporary file" not in (proxy.folder / "koudmen.error.log").read_text()


def test_what_is_too_large_is_refused_by_both(proxy: Proxy, engine: Engine) -> None:
    form = "application/x-www-form-urlencoded"
    assert proxy.ask("POST", INBOUND, b"Body=" + b"x" * 70_000, Content_Type=form).status == 413
    assert proxy.ask("POST", INBOUND, b"Body=" + b"x" * 200_000, Content_Type=form).status == 413
    assert rows(engine) == {}


@pytest.mark.parametrize("path", ["/", "/simulator", "/metrics2", "/.env", "/webhooks", "/staff", "/live", "/sign-in"])
def test_nothing_else_is_open_to_the_world(proxy: Proxy, path: str) -> None:
    assert proxy.ask("GET", path).status in {404, 301}  # 301: /webhooks to /webhooks/, where nothing is


def test_health_is_open_and_readiness_is_this_machine_s(proxy: Proxy) -> None:
    assert proxy.ask("GET", "/healthz").data == b"ok\n"
    assert proxy.ask("GET", "/readyz").status == 200
    assert "nginx/" not in proxy.ask("GET", "/nowhere").headers["server"]


def test_the_open_data_is_kept_for_its_minute_and_asked_for_again_by_its_mark(proxy: Proxy, engine: Engine) -> None:
    first, second = proxy.ask("GET", "/hsds/services"), proxy.ask("GET", "/hsds/services")
    assert (first.status, first.headers["x-cache"]) == (200, "MISS")
    assert (second.status, second.headers["x-cache"]) == (200, "HIT")
    assert second.data == first.data
    again = proxy.ask("GET", "/hsds/services", If_None_Match=first.headers["etag"])
    assert (again.status, again.data) == (304, b"")
    other = proxy.ask("GET", "/hsds/services?page=2")
    assert other.headers["x-cache"] == "MISS"


def test_a_made_up_caller_is_not_passed_on(proxy: Proxy, twilio_process: Service) -> None:
    text = (proxy.folder / "koudmen.conf").read_text()
    public = text.partition("server_name koudmen.example;")[2].partition("\nserver {")[0]
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in public
    for block in re.findall(r"location [^{]*\{([^}]*)\}", public):
        assert "proxy_set_header" not in block, "one of a location's own would take the server's away"


def test_the_staff_site_is_closed_to_strangers_and_plain_http_leads_to_https(proxy: Proxy) -> None:
    assert proxy.ask("GET", "/sign-in", name="staff.koudmen.example").status == 403


def test_when_the_application_is_gone_the_answer_is_an_error_at_once(tmp_path: Path) -> None:
    """502: Twilio calls the fallback address. The open data that is kept is still given."""
    for gone in running(tmp_path, 1):
        assert gone.ask("POST", INBOUND, b"From=x").status == 502
        assert gone.ask("GET", "/healthz").status == 502
