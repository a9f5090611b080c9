"""Accounts: made, changed, reset and ended by an administrator; never without an administrator left."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from base.audit import AuditEvent
from dashboard.models import Credential, StaffSession
from oncall import staff
from oncall.models import Staff
from tests.dashboard.browser import Browser, readable
from tests.dashboard.conftest import SignedIn

Sessions = sessionmaker[Session]
People = dict[str, uuid.UUID]
NEW: dict[str, Any] = {
    "name": "Rose", "phone": "767 555 0160", "email": "Rose@Example.org", "role": ["officer", "analyst"],
    "language": ["ht", "en"], "page_by": "whatsapp", "other_way": "1",
}  # fmt: skip


def actions(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.seq)))


def test_a_new_account_gets_a_setup_code_that_opens_the_door(signed_in: SignedIn, sessions: Sessions) -> None:
    browser = signed_in("administrator")
    shown = browser.post("/accounts/new", **NEW)
    code = re.search(r"<code class=\"secret\">([^<]+)<", shown.text)
    assert code
    with sessions() as session:
        who = staff.by_phone(session, "+17675550160")
        assert who
        assert (who.roles, who.languages, who.page_by) == (["officer", "analyst"], ["ht", "en"], ["whatsapp", "sms"])
        assert who.phone_verified_at is None, "nobody has called it yet"
    assert code[1] not in browser.get(f"/accounts/{who.id}").text
    other = Browser(browser.client.application.test_client())
    fields: dict[str, Any] = {"account": "rose@example.org", "code": code[1], "password": "quiet river under moon"}
    other.get("/setup")
    assert other.post("/setup", **fields).request.path == "/me/second"
    assert actions(sessions)[0] == "account made"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": " "}, "A name, and roles"),
        ({"role": []}, "A name, and roles"),
        ({"role": ["king"]}, "A name, and roles"),
        ({"phone": "12"}, "phone number is too short"),
        ({"phone": "767 555 0150"}, "Another account has this phone"),
        ({"email": "nobody"}, "An e-mail address is written like"),
        ({"language": ["xx"]}, "Languages out of the list"),
        ({"page_by": "pigeon"}, "Pages go by sms or whatsapp"),
    ],
)
def test_what_is_refused_is_said_on_the_form(
    signed_in: SignedIn, sessions: Sessions, changed: dict[str, Any], told: str
) -> None:
    answer = signed_in("administrator").post("/accounts/new", **(NEW | changed))
    assert answer.status_code == 400
    assert told in readable(answer.text)
    assert 'value="Rose@Example.org"' in answer.text or "email" in changed
    with sessions() as session:
        assert staff.by_phone(session, "+17675550160") is None
    assert actions(sessions) == []


def test_other_roles_sign_somebody_out_and_other_languages_do_not(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    them, browser = signed_in("analyst"), signed_in("administrator")
    browser.post(f"/accounts/{people['analyst']}/work", role="analyst", language="fr", page_by="sms")
    assert them.get("/me").status_code == 200
    browser.post(f"/accounts/{people['analyst']}/work", role=["analyst", "editor"], language="fr", page_by="sms")
    assert them.get("/me").status_code == 303
    with sessions() as session:
        assert session.get_one(Staff, people["analyst"]).roles == ["analyst", "editor"]
        entry = session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc())).first()
    assert entry
    assert (entry.action, entry.detail) == ("account changed", {"roles": ["analyst", "editor"]})


def test_another_phone_must_be_confirmed_again(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    browser, officer = signed_in("administrator"), people["officer"]

    def verified() -> bool:
        with sessions() as session:
            return staff.reachable(session.get_one(Staff, officer))

    browser.post(f"/accounts/{officer}/reach", phone="+1 767 555 0150", email="ada@example.org")
    assert verified(), "the same phone, written otherwise"
    browser.post(f"/accounts/{officer}/reach", phone="+1 767 555 0161", email="ada@example.org")
    assert not verified()
    assert browser.post(f"/accounts/{officer}/reach", phone="767 555 0151", email="").status_code == 400
    browser.post(f"/accounts/{officer}/verify")
    assert verified()
    with sessions() as session:
        who = staff.by_email(session, "ADA@example.org")
        assert who
        assert who.phone == "+17675550161"


def test_a_reset_takes_every_proof_away(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    them = signed_in("officer")
    shown = signed_in("administrator").post(f"/accounts/{people['officer']}/reset")
    assert "Setup code for The officer" in shown.text
    assert them.get("/me").status_code == 303
    with sessions() as session:
        known = session.get_one(Credential, people["officer"])
        assert (known.password_hash, known.totp_secret, known.setup_hash is None) == (None, None, False)


def test_an_ended_account_is_out_and_stays_named(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    them, browser = signed_in("officer"), signed_in("administrator")
    done = browser.post(f"/accounts/{people['officer']}/end")
    assert "The account is ended" in done.text
    assert them.get("/me").status_code == 303
    assert "The officer" not in browser.words("/accounts")
    assert "The officer" in browser.words("/accounts?ended=1")
    assert browser.post(f"/accounts/{people['officer']}/verify").status_code == 404
    assert actions(sessions) == ["account ended"]


def test_the_last_administrator_stays(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    browser, mine = signed_in("administrator"), people["administrator"]
    lesser: dict[str, Any] = {"role": "officer", "language": "en", "page_by": "sms"}
    for path, fields in (("work", lesser), ("end", {})):
        answer = browser.post(f"/accounts/{mine}/{path}", **fields)
        assert answer.status_code == 400
        assert "This is the last administrator" in answer.text
    with sessions() as session, session.begin():
        staff.add(session, "Another", ["administrator"], datetime.now(UTC))
    browser.post(f"/accounts/{mine}/end")
    with sessions() as session:
        assert session.get_one(Staff, mine).disabled_at
    assert browser.get("/accounts").status_code == 303


def test_sessions_of_somebody_are_ended(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    them, browser = signed_in("officer"), signed_in("administrator")
    assert "Firefox on Linux" in browser.words(f"/accounts/{people['officer']}")
    browser.post(f"/accounts/{people['officer']}/sessions/end")
    assert them.get("/me").status_code == 303
    assert "Signed in nowhere" in browser.words(f"/accounts/{people['officer']}")


def test_changing_accounts_wants_a_fresh_proof(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    browser = signed_in("administrator")
    with sessions() as session, session.begin():
        session.execute(update(StaffSession).values(proved_at=datetime.now(UTC) - timedelta(minutes=11)))
    assert browser.get(f"/accounts/{people['officer']}").headers["Location"].startswith("/again?then=/accounts/")
    assert browser.post(f"/accounts/{people['officer']}/end", follow=False).headers["Location"].startswith("/again")
    with sessions() as session:
        assert session.get_one(Staff, people["officer"]).disabled_at is None
