"""A small OpenID Connect issuer in this process: real keys, real signed tokens, PKCE checked."""

import base64
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "koudmen-test", "a secret between the two"


class Issuer:
    """`claims` is laid over what an honest token says (None takes a claim out); `key` signs."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.published = self.key
        self.algorithm = "RS256"
        self.claims: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def signed_in(self, address: str, code: str = "a-code") -> dict[str, str]:
        """What the browser brings back after somebody signed in at this address."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if not asked or base64.urlsafe_b64encode(verifier).decode().rstrip("=") != asked["code_challenge"]:
            return None
        now = int(time.time())
        told = {"iss": self.url, "sub": "1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
                "email": "ada@example.org", "email_verified": True} | self.claims  # fmt: skip
        claims = {name: value for name, value in told.items() if value is not None}
        signed = jwt.encode({"alg": self.algorithm, "kid": "one"}, claims, self.key, algorithms=[self.algorithm])
        return {"access_token": "x", "token_type": "Bearer", "id_token": signed}

    def says(self) -> dict[str, Any]:
        return {"issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/keys"}  # fmt: skip


def _handler(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known: dict[str, Any] = {
                "/.well-known/openid-configuration": issuer.says(),
                "/keys": {"keys": [issuer.published.as_dict(private=False)]},
            }
            self._answer(known.get(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(issuer.token({name: values[0] for name, values in parse_qs(body).items()}))

        def _answer(self, told: dict[str, Any] | None) -> None:
            self.send_response(200 if told else 400)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(orjson.dumps(told or {"error": "invalid_grant"}))

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
