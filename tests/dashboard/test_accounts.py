"""Accounts: made, changed, reset and ended by an administrator; never without an administrator left."""

import argparse
import re
import uuid
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from base.audit import AuditEvent
from bot.staff_words import Words
from dashboard.models import Credential, Passkey, StaffSession
from koudmen.commands import staff as staff_command
from oncall import pages, staff
from oncall.models import Page, Staff
from oncall.models.staff import ROLES
from oncall.pages import Paging
from tests.dashboard.browser import Browser, readable
from tests.dashboard.conftest import SignedIn, _proofs

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
        assert (who.languages, who.page_by) == (["ht", "en"], ["whatsapp", "sms"])
        assert (who.roles, who.roles_asked) == (["analyst"], ["officer"]), "who reads cases is not one person's word"
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
    them, browser = signed_in("editor"), signed_in("administrator")
    browser.post(f"/accounts/{people['editor']}/work", role="editor", language="fr", page_by="sms")
    assert them.get("/me").status_code == 200
    browser.post(f"/accounts/{people['editor']}/work", role=["analyst", "editor"], language="fr", page_by="sms")
    assert them.get("/me").status_code == 303
    with sessions() as session:
        assert session.get_one(Staff, people["editor"]).roles == ["analyst", "editor"]
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
    answer = browser.post(f"/accounts/{mine}/end")
    assert answer.status_code == 400
    assert "This is the last administrator" in answer.text
    with sessions() as session, session.begin():
        staff.add(session, "Another", ["administrator"], datetime.now(UTC))
    browser.post(f"/accounts/{mine}/end")
    with sessions() as session:
        assert session.get_one(Staff, mine).disabled_at
    assert browser.get("/accounts").status_code == 303


def texts(sessions: Sessions) -> list[tuple[str, str]]:
    """Texts to staff that wait: to which phone, of which kind."""
    with sessions() as session:
        waiting = pages.claim(session, datetime.now(UTC) + timedelta(seconds=1), hold=timedelta(seconds=9))
        session.rollback()
    return sorted((one.phone, one.kind) for one in waiting)


def say(browser: Browser, staff_id: uuid.UUID, answer: str) -> TestResponse:
    """A second person's answer to what the page shows them."""
    form = browser.get("/roles").text.partition(f'action="/roles/{staff_id}"')[2]
    seen = re.search(r'name="seen" value="([^"]*)"', form)
    return browser.post(f"/roles/{staff_id}", answer=answer, seen=unescape(seen[1]) if seen else "")


WORK: dict[str, Any] = {"language": "en", "page_by": "sms"}
PHONE = {role: f"+17675550{150 + number}" for number, role in enumerate(ROLES)}


def test_nobody_gives_themselves_a_role(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    browser, mine = signed_in("administrator"), people["administrator"]
    answer = browser.post(f"/accounts/{mine}/work", role=["administrator", "officer"], **WORK)
    assert (answer.status_code, "Nobody changes their own roles" in answer.text) == (400, True)
    assert browser.post(f"/accounts/{mine}/work", role="administrator", language="fr", page_by="sms").status_code == 200
    with sessions() as session:
        who = session.get_one(Staff, mine)
        assert (who.roles, who.roles_asked, who.languages) == (["administrator"], None, ["fr"])


def test_who_reads_cases_is_agreed_to_by_a_second_person(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    admin, boss, analyst = signed_in("administrator"), signed_in("supervisor"), people["analyst"]
    admin.post(f"/accounts/{analyst}/work", role=["analyst", "officer"], **WORK)
    them = signed_in("analyst")
    assert them.get("/queue").status_code == 403
    assert texts(sessions) == [(PHONE["supervisor"], "roles")], "not to who asked"
    assert "Somebody else answers this" in admin.words("/roles")
    assert say(admin, analyst, "yes").status_code == 409, "not who asked"
    assert "The analyst" in boss.words("/roles")
    assert "They have these roles now" in say(boss, analyst, "yes").text
    assert them.get("/queue").status_code == 303, "signs in anew"
    assert signed_in("analyst").get("/queue").status_code == 200
    assert (PHONE["analyst"], "account") in texts(sessions)
    assert say(boss, analyst, "yes").status_code == 409, "once"
    assert actions(sessions) == ["account changed", "roles agreed"]


def test_a_yes_is_to_what_was_shown_and_to_nothing_else(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    """Between the page and the click the administrator asks for more."""
    admin, boss, analyst = signed_in("administrator"), signed_in("supervisor"), people["analyst"]
    admin.post(f"/accounts/{analyst}/work", role=["analyst", "editor"], **WORK)
    found = re.search(r'name="seen" value="([^"]*)"', boss.get("/roles").text)
    assert found
    admin.post(f"/accounts/{analyst}/work", role=["analyst", "editor", "supervisor"], **WORK)
    for answer in ("yes", "no"):
        late = boss.post(f"/roles/{analyst}", answer=answer, seen=unescape(found[1]))
        assert (late.status_code, "has changed since you looked" in late.text) == (409, True)
    assert boss.post(f"/roles/{analyst}", answer="yes").status_code == 409, "without having looked"
    with sessions() as session:
        who = session.get_one(Staff, analyst)
        assert (who.roles, who.roles_asked) == (["analyst"], ["supervisor", "editor"])
    assert say(boss, analyst, "yes").status_code == 200
    with sessions() as session:
        assert session.get_one(Staff, analyst).roles == ["analyst", "supervisor", "editor"]


def test_what_was_agreed_to_meanwhile_is_not_lost_by_a_save(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    """The form of the account was read before the yes, and is sent after it."""
    admin, boss, analyst = signed_in("administrator"), signed_in("supervisor"), people["analyst"]
    admin.post(f"/accounts/{analyst}/work", role=["analyst", "officer"], **WORK)
    with sessions() as waiting, sessions() as session, session.begin():
        staff.agree(
            session, analyst, session.get_one(Staff, people["supervisor"]), agreed=True,
            seen=staff.waits_as(session.get_one(Staff, analyst)),
        )  # fmt: skip
        old = waiting.get_one(Staff, analyst)
        assert old.roles == ["analyst"]
        session.commit()
        staff.change_work(waiting, analyst, ["analyst", "officer"], ["en"], ["sms"], by=people["administrator"])
        assert old.roles == ["analyst", "officer"]
        assert old.roles_asked is None
    assert boss.get("/roles").status_code == 200


def test_others_are_asked_once_for_what_waits(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    admin, analyst = signed_in("administrator"), people["analyst"]

    def sent() -> int:
        """Those that wait leave; how many there were."""
        with sessions() as session, session.begin():
            session.execute(update(Page).where(Page.state == "queued").values(state="sent"))
            return session.scalar(select(func.count()).where(Page.kind == "roles")) or 0

    for language in ("en", "fr", "ht"):
        admin.post(f"/accounts/{analyst}/work", role=["analyst", "officer"], language=language, page_by="sms")
        assert sent() == 1, "the same roles wait: nobody is asked again"
    admin.post(f"/accounts/{analyst}/work", role=["officer", "supervisor", "analyst"], **WORK)
    assert sent() == 2, "other roles wait"
    admin.post(f"/accounts/{analyst}/work", role=["analyst"], **WORK)
    assert sent() == 2, "nothing waits any more"


@pytest.mark.parametrize("role", ["officer", "supervisor", "editor", "administrator"])
def test_grave_roles_wait_for_a_second_person(
    signed_in: SignedIn, people: People, sessions: Sessions, role: str
) -> None:
    """An editor knows where a refuge is, and which number people in danger are sent."""
    signed_in("administrator").post(f"/accounts/{people['analyst']}/work", role=["analyst", role], **WORK)
    with sessions() as session:
        who = session.get_one(Staff, people["analyst"])
        assert (who.roles, who.roles_asked) == (["analyst"], [role])


def test_a_supervisor_cannot_agree_to_their_own_role_and_a_no_gives_nothing(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    admin, boss = signed_in("administrator"), signed_in("supervisor")
    admin.post(f"/accounts/{people['supervisor']}/work", role=["supervisor", "administrator"], **WORK)
    assert say(boss, people["supervisor"], "yes").status_code == 409
    admin.post(f"/accounts/{people['editor']}/work", role=["editor", "officer"], **WORK)
    assert "They do not get these roles" in say(boss, people["editor"], "no").text
    with sessions() as session:
        who = session.get_one(Staff, people["editor"])
        assert (who.roles, who.roles_asked) == (["editor"], None)
    assert actions(sessions)[-1] == "roles refused"


def test_a_new_administrator_made_by_one_alone_makes_nothing(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    """An account of one's own under another name must not be the second person."""
    signed_in("administrator").post("/accounts/new", **NEW | {"role": ["administrator"]})
    with sessions() as session:
        made = staff.by_phone(session, "+17675550160")
    assert made
    assert made.roles == []
    puppet = signed_in(staff_id=made.id)
    assert {puppet.get(path).status_code for path in ("/accounts", "/roles", "/queue", "/audit")} <= {303, 403}


def test_the_owner_is_told_when_an_administrator_comes_near_their_account(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    """A reset, and then the supervisors too: whoever holds the setup code reads cases."""
    signed_in("administrator").post(f"/accounts/{people['officer']}/reset")
    assert texts(sessions) == [(PHONE["officer"], "account"), (PHONE["supervisor"], "accounts")]


@pytest.mark.parametrize("role", ["editor", "administrator", "supervisor"])
def test_who_watches_is_told_of_a_reset_of_everybody_with_a_grave_role(
    signed_in: SignedIn, people: People, sessions: Sessions, role: str
) -> None:
    with sessions() as session, session.begin():
        zoe = staff.add(session, "Zoe", ["administrator"], datetime.now(UTC), phone="+17675550162", verified=True)
        _proofs(session, zoe, datetime.now(UTC))
        other = zoe.id
    signed_in(staff_id=other).post(f"/accounts/{people[role]}/reset")
    watch = {PHONE["supervisor"], PHONE["administrator"]} - {PHONE[role]}
    assert texts(sessions) == sorted([(PHONE[role], "account"), *((phone, "accounts") for phone in watch)])


def test_a_reset_from_the_shell_is_told_too(people: People, sessions: Sessions) -> None:
    given = argparse.Namespace(action="reset", phone=PHONE["administrator"])
    with sessions() as session, session.begin():
        staff_command._do(session, given)
    assert texts(sessions) == sorted([(PHONE["administrator"], "account"), (PHONE["supervisor"], "accounts")])


def test_a_reset_of_an_analyst_is_told_to_the_analyst_alone(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    signed_in("administrator").post(f"/accounts/{people['analyst']}/reset")
    assert texts(sessions) == [(PHONE["analyst"], "account")]


def test_another_address_is_another_way_in(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    """By it the ministry's sign-in finds the account: told, noted, and everybody in it signs in anew."""
    them, admin, path = signed_in("officer"), signed_in("administrator"), f"/accounts/{people['officer']}/reach"
    admin.post(path, phone=PHONE["officer"], email="ada@example.org")
    assert them.get("/me").status_code == 303
    assert texts(sessions) == [(PHONE["officer"], "account"), (PHONE["supervisor"], "accounts")]
    with sessions() as session:
        entry = session.scalars(select(AuditEvent)).one()
        assert (entry.action, entry.detail) == ("phone or e-mail changed", {"phone": False, "email": True})
        assert set(session.scalars(select(StaffSession.ended_why))) == {"e-mail changed", None}
    with sessions() as session, session.begin():
        session.execute(update(Page).values(state="sent"))
    them = signed_in("officer")
    admin.post(path, phone=PHONE["officer"], email=" ADA@Example.org")
    assert (them.get("/me").status_code, texts(sessions)) == (200, []), "the same address, written otherwise"
    admin.post(path, phone="767 555 0161", email="mallory@example.org")
    assert texts(sessions) == [(PHONE["officer"], "account"), (PHONE["supervisor"], "accounts")], "to the phone before"


def test_an_administrator_who_changes_their_own_address_stays_where_they_are(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    here, there, mine = signed_in("administrator"), signed_in("administrator"), people["administrator"]
    here.post(f"/accounts/{mine}/reach", phone=PHONE["administrator"], email="me@example.org")
    assert (here.get("/me").status_code, there.get("/me").status_code) == (200, 303)


def test_a_text_that_waits_is_not_led_to_a_phone_of_later(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    """A reset, and another phone before the text has left: it goes to the owner, once, and not to the new phone."""
    admin, officer = signed_in("administrator"), people["officer"]
    admin.post(f"/accounts/{officer}/reset")
    admin.post(f"/accounts/{officer}/reach", phone="767 555 0161", email="")
    admin.post(f"/accounts/{officer}/verify")
    assert texts(sessions) == [(PHONE["officer"], "account"), (PHONE["supervisor"], "accounts")]
    admin.post(f"/accounts/{officer}/reset")
    assert ("+17675550161", "account") in texts(sessions), "what happens now is told to the phone of now as well"
    admin.post(f"/accounts/{officer}/end")
    with sessions() as session:
        over = session.scalars(select(Page.phone).where(Page.state == "cancelled")).all()
    assert over, "what waited is cancelled"
    assert set(over) == {None}, "and keeps no number"


def test_another_phone_is_told_to_the_phone_before(signed_in: SignedIn, people: People, sessions: Sessions) -> None:
    signed_in("administrator").post(f"/accounts/{people['officer']}/reach", phone="767 555 0161", email="")
    assert texts(sessions) == [(PHONE["officer"], "account"), (PHONE["supervisor"], "accounts")]
    with sessions() as session, session.begin():
        one = next(
            one
            for one in pages.claim(session, datetime.now(UTC), hold=timedelta(seconds=9))
            if one.phone == PHONE["officer"]
        )
        pages.sent(session, one.id, "SM1", datetime.now(UTC))
    with sessions() as session:
        assert session.get_one(Page, one.id).phone is None, "the number is not kept"


@pytest.mark.parametrize("path", ["/me/recovery", "/me/password", "/me/totp/remove"])
def test_the_owner_is_told_of_every_change_of_a_proof(
    signed_in: SignedIn, people: People, sessions: Sessions, path: str
) -> None:
    with sessions() as session, session.begin():
        session.add(Passkey(staff_id=people["analyst"], credential_id=b"1", public_key=b"1", sign_count=0, name="Key"))
    assert signed_in("analyst").post(path, password="another long pass phrase").status_code == 200
    assert texts(sessions) == [(PHONE["analyst"], "account")]


@pytest.mark.parametrize("language", ["en", "ht", "acf", "fr", "es"])
@pytest.mark.parametrize("kind", ["account", "accounts", "roles", "swap"])
def test_word_to_staff_says_nothing_of_what_it_is_about(kind: str, language: str) -> None:
    page = Paging(uuid.uuid4(), uuid.uuid4(), None, "sms", "", language, kind, "", None, False, 1, datetime.now(UTC))
    words = Words("Koudmen", "https://staff.example").text(page)
    assert 40 < len(words) <= 160
    assert "{" not in words


def test_an_ended_account_keeps_no_phone_and_another_may_have_it(
    signed_in: SignedIn, people: People, sessions: Sessions
) -> None:
    browser = signed_in("administrator")
    browser.post(f"/accounts/{people['officer']}/reach", phone="767 555 0150", email="ada@example.org")
    browser.post(f"/accounts/{people['officer']}/end")
    with sessions() as session:
        who = session.get_one(Staff, people["officer"])
        assert (who.phone, who.phone_lookup, who.email, who.email_lookup) == (None,) * 4
    told = [(PHONE["officer"], "account"), (PHONE["supervisor"], "accounts")]
    assert texts(sessions) == told, "a last word; and the address was changed before"
    again = NEW | {"phone": "767 555 0150", "email": "ada@example.org"}
    assert browser.post("/accounts/new", **again).status_code == 200


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
