"""Our signature check agrees with Twilio's own library, and takes the newer SHA-256 with two keys."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from base.settings import Twilio
from messaging.twilio import SETTINGS, SIGNATURE, signature_ok

TOKEN = "the-token-of-the-test"
URL = "https://koudmen.example/webhooks/twilio/inbound"
ACCOUNT = Twilio.model_validate(
    {"account_sid": "AC0", "auth_token": TOKEN, "shared_keys": {"old": "secret one", "new": "secret two"}}
)
VALIDATOR = RequestValidator(TOKEN)  # type: ignore[no-untyped-call]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
forms = st.lists(st.tuples(st.sampled_from(["Body", "From", "To", "NumMedia", "Extra1"]) | texts, texts), max_size=8)
Form = list[tuple[str, str]]


def signed(params: Form, url: str = URL) -> str:
    return str(VALIDATOR.compute_signature(url, MultiDict(params)))  # type: ignore[no-untyped-call]


def sha256(secret: str, params: Form, url: str = URL) -> str:
    text = url + "".join(name + value for name, value in sorted(set(params)))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


@given(forms)
def test_what_twilio_signs_is_taken(params: Form) -> None:
    assert signature_ok(ACCOUNT, URL, params, {SIGNATURE: signed(params)})


@given(forms, forms, texts)
def test_agrees_with_twilios_library(params: Form, others: Form, given_: str) -> None:
    for signature in (signed(others), given_, signed(params, URL + "?a=1")):
        theirs = VALIDATOR.validate(URL, MultiDict(params), signature)  # type: ignore[no-untyped-call]
        assert signature_ok(ACCOUNT, URL, params, {SIGNATURE: signature}) == theirs


@given(forms)
def test_a_changed_address_is_refused(params: Form) -> None:
    for url in (URL.replace("https", "http"), URL + "/", URL + "?", "https://other.example/webhooks/twilio/inbound"):
        assert not signature_ok(ACCOUNT, url, params, {SIGNATURE: signed(params)})


@given(forms.filter(bool))
def test_blank_parameters_count(params: Form) -> None:
    with_blank = [*params, ("Blank", "")]
    assert not signature_ok(ACCOUNT, URL, params, {SIGNATURE: signed(with_blank)})
    assert signature_ok(ACCOUNT, URL, with_blank, {SIGNATURE: signed(with_blank)})


@pytest.mark.parametrize("headers", [{}, {SIGNATURE: ""}, {SIGNATURE: "ÿÿ"}, {SETTINGS: "key=old"}])
def test_no_signature_is_refused(headers: dict[str, str]) -> None:
    assert not signature_ok(ACCOUNT, URL, [("Body", "bonjou")], headers)


@given(forms, st.sampled_from(["old", "new"]))
def test_both_shared_keys_are_taken(params: Form, key: str) -> None:
    headers = {SIGNATURE: sha256(ACCOUNT.shared_keys[key], params), SETTINGS: f"key={key},algorithm=HMAC_SHA256"}
    assert signature_ok(ACCOUNT, URL, params, headers)


@given(forms)
def test_a_key_signs_only_for_itself(params: Form) -> None:
    by_old = sha256(ACCOUNT.shared_keys["old"], params)
    for settings in ("key=new,algorithm=HMAC_SHA256", "key=unknown,algorithm=HMAC_SHA256", "algorithm=HMAC_SHA256"):
        assert not signature_ok(ACCOUNT, URL, params, {SIGNATURE: by_old, SETTINGS: settings})
    assert not signature_ok(ACCOUNT, URL, params, {SIGNATURE: by_old})


@given(forms)
def test_the_request_does_not_choose_the_algorithm(params: Form) -> None:
    """A SHA-1 by a shared key, or a SHA-256 by the account's token, is nobody's signature."""
    sha1_by_key = str(RequestValidator("secret one").compute_signature(URL, MultiDict(params)))  # type: ignore[no-untyped-call]
    assert not signature_ok(ACCOUNT, URL, params, {SIGNATURE: sha1_by_key, SETTINGS: "key=old,algorithm=HMAC_SHA1"})
    assert not signature_ok(ACCOUNT, URL, params, {SIGNATURE: sha256(TOKEN, params)})
    empty = sha256("", params)
    assert not signature_ok(ACCOUNT, URL, params, {SIGNATURE: empty, SETTINGS: "key=unknown,algorithm=HMAC_SHA256"})
