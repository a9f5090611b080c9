"""A ministry's own sign-in: OpenID Connect's code flow with state, nonce and PKCE (Authlib), without Flask.

State, nonce and verifier are made from one random secret that lies in the database and is used once: a state that comes
a second time, or from another browser, finds nothing. Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7.
"""

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import urllib3
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from base.db import keys
from base.errors import Refused
from base.settings import Oidc

SIGNED_BY = ["RS256", "PS256", "ES256"]  # never `none`, never a shared secret
SKEW_S = 60
TIMEOUT_S = 8
LARGEST = 200_000
LONGEST_SUBJECT = 255  # letters; as Core says
_HTTP = urllib3.PoolManager(timeout=urllib3.Timeout(total=TIMEOUT_S), retries=False)


@dataclass(frozen=True)
class Question:
    """What is sent to the issuer and asked back: all out of one secret of this sign-in."""

    state: str
    nonce: str
    verifier: str


def question(secret: bytes) -> Question:
    """State, nonce and PKCE verifier (43 letters) of a sign-in."""
    made = (keys().lookup(f"oidc {part}", secret.hex()) for part in ("state", "nonce", "verifier"))
    return Question(*(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in made))


@dataclass(frozen=True)
class Person:
    """Who signed in at the issuer. `issuer` and `subject` together never become somebody else (OpenID Connect Core 1.0,
    section 5.7); an e-mail address may. Its representation shows neither."""

    issuer: str
    subject: str
    email: str

    def __repr__(self) -> str:
        return "Person()"


def address(settings: Oidc, asked: Question, back: str) -> str:
    """Where the browser is sent to sign in. Refused when the issuer does not answer."""
    client = OAuth2Session(settings.client_id, redirect_uri=back, scope="openid email")
    where, _ = client.create_authorization_url(
        _issuer(settings)["authorization_endpoint"], state=asked.state, nonce=asked.nonce,
        code_challenge=create_s256_code_challenge(asked.verifier), code_challenge_method="S256",
    )  # fmt: skip
    return str(where)


def person(settings: Oidc, asked: Question, state: str, code: str, back: str, now: datetime) -> Person:
    """Who signed in there, with an e-mail address that the issuer has verified. Refused, with a word for the log, for
    everything that does not fit."""
    if not hmac.compare_digest(asked.state.encode(), state.encode()):
        raise Refused("state")
    issuer = _issuer(settings)
    claims = _claims(settings, issuer, _token(settings, issuer, asked, code, back), asked.nonce, now)
    found = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(found, str) or "@" not in found:
        raise Refused("e-mail not verified")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise Refused("no subject")
    return Person(settings.issuer, subject, found)


def _issuer(settings: Oidc) -> dict[str, Any]:
    """What the issuer says of itself; its addresses must be as safe as its own."""
    found = _json(f"{settings.issuer}/.well-known/openid-configuration")
    scheme = urlsplit(settings.issuer).scheme
    needed = [str(found.get(name, "")) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    if str(found.get("issuer", "")).rstrip("/") != settings.issuer or any(urlsplit(n).scheme != scheme for n in needed):
        raise Refused("issuer")
    return found


def _json(url: str) -> dict[str, Any]:
    try:
        answer = _HTTP.request("GET", url, redirect=False, preload_content=False)
        try:
            found = orjson.loads(answer.read(LARGEST)) if answer.status == 200 else None
        finally:
            answer.release_conn()
    except (urllib3.exceptions.HTTPError, orjson.JSONDecodeError):
        found = None
    if not isinstance(found, dict):
        raise Refused("issuer away")
    return found


def _token(settings: Oidc, issuer: dict[str, Any], asked: Question, code: str, back: str) -> str:
    """The ID token that a code is good for."""
    with OAuth2Session(settings.client_id, settings.client_secret, redirect_uri=back) as client:
        try:
            given = client.fetch_token(
                issuer["token_endpoint"], code=code, code_verifier=asked.verifier, grant_type="authorization_code",
                timeout=TIMEOUT_S, allow_redirects=False,
            )  # fmt: skip
        except Exception as error:  # the library and what is below it raise many kinds; none of them is to open a door
            raise Refused("code") from error
    return str(given.get("id_token", ""))


def _claims(settings: Oidc, issuer: dict[str, Any], token: str, nonce: str, now: datetime) -> dict[str, Any]:
    """What the token says, when it is signed by the issuer, for us, for this sign-in, and not over."""
    wanted = {"iss": {"essential": True, "value": issuer["issuer"]},
              "aud": {"essential": True, "value": settings.client_id}}  # fmt: skip
    try:
        found = jwt.decode(token, KeySet.import_key_set(_json(issuer["jwks_uri"])), algorithms=SIGNED_BY)  # type: ignore[arg-type]
        claims = CodeIDToken(found.claims, found.header, wanted, {"nonce": nonce, "client_id": settings.client_id})
        claims.validate(now=int(now.timestamp()), leeway=SKEW_S)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise Refused("token") from error
    return dict(claims)
