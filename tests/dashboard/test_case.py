"""Looking at a case: the cover, the logged look, whose it is, and what of the texter's words may do what."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from base.clock import now
from base.db import UNREADABLE, transaction
from dashboard.guard import FRAGMENT
from oncall import handling, looking
from oncall.models import Case
from tests.dashboard.browser import readable
from tests.dashboard.case_world import KNIFE, OTHER, Cases, world
from tests.dashboard.conftest import SignedIn

__all__ = ["world"]
WORDS = "mari m ap bat mwen ak kouto"


def test_the_cover_shows_no_word_and_the_look_is_logged(world: Cases, signed_in: SignedIn) -> None:
    case, ada = world.write(WORDS), signed_in()
    cover = ada.get(f"/c/{case.code}").text
    assert WORDS not in cover
    assert "violence" not in cover
    for told in ("critical", "Nobody has this case yet", "View this case"):
        assert told in readable(cover)
    assert "viewed" not in world.kinds(case)
    page = ada.post(f"/c/{case.code}/open")
    assert WORDS in page.text
    assert page.request.path == f"/c/{case.code}"
    assert "?" not in page.request.url
    assert world.kinds(case).count("viewed") == 1
    assert world.audit()[-1] == ("case viewed", f"case:{case.id}")


def test_a_quarter_of_an_hour_away_and_the_cover_is_back(world: Cases, signed_in: SignedIn) -> None:
    case, ada = world.write(WORDS), signed_in()
    ada.post(f"/c/{case.code}/open")
    world.away(timedelta(minutes=14))
    assert WORDS in ada.words(f"/c/{case.code}")  # which counts as being there
    world.away(timedelta(minutes=14))
    assert WORDS in ada.words(f"/c/{case.code}")
    assert world.kinds(case).count("viewed") == 1
    world.away(timedelta(minutes=16))
    assert WORDS not in ada.words(f"/c/{case.code}")
    assert ada.get(f"/c/{case.code}/thread").status_code == 410


def test_a_page_that_refreshes_itself_keeps_no_look_alive(world: Cases, signed_in: SignedIn) -> None:
    case, ada = world.write(WORDS), signed_in()
    ada.post(f"/c/{case.code}/open")
    for _ in range(2):
        world.away(timedelta(minutes=8))
        answer = ada.get(f"/c/{case.code}/thread", **{FRAGMENT: "1"})
    assert answer.status_code == 410
    assert WORDS not in answer.text


def test_one_s_look_opens_nothing_for_another(world: Cases, signed_in: SignedIn) -> None:
    case = world.write(WORDS)
    signed_in().post(f"/c/{case.code}/open")
    boss = signed_in("supervisor")
    assert WORDS not in boss.words(f"/c/{case.code}")
    assert boss.get(f"/c/{case.code}/thread").status_code == 410


def test_an_unknown_code_and_a_closed_one_of_somebody_else_are_answered_alike(
    world: Cases, signed_in: SignedIn
) -> None:
    case = world.write(WORDS)
    ada, bea = signed_in(), world.hire("Bea", "+17675550177")
    ada.post(f"/c/{case.code}/take")
    with transaction(world.sessions) as session:
        handling.end(session, session.get_one(type(case), case.id), now(), outcome="resolved")
    unknown = "1234" if case.code != "1234" else "1235"
    other = signed_in(staff_id=bea)
    answers = [other.get(f"/c/{code}") for code in (case.code, unknown)]
    assert [one.status_code for one in answers] == [404, 404]
    told = [readable(one.text) for one in answers]
    assert told[0] == told[1]
    for act in ("open", "take", "note", "services", "record"):
        path = f"/c/{case.code}/{act}"
        assert (other.get(path) if act == "record" else other.post(path)).status_code in {303, 404}
    assert WORDS in ada.words(f"/c/{case.code}")  # she had it
    boss = signed_in("supervisor")
    assert WORDS in boss.post(f"/c/{case.code}/open").text
    assert 'action="/c/' not in boss.get(f"/c/{case.code}").text, "nothing is done to a closed case"


def test_a_closed_case_is_found_although_its_code_was_given_again(world: Cases, signed_in: SignedIn) -> None:
    case = world.write(WORDS)
    ada = signed_in()
    ada.post(f"/c/{case.code}/take")
    with transaction(world.sessions) as session:
        handling.end(session, session.get_one(Case, case.id), now(), outcome="resolved")
    again = world.write("another person's words", phone=OTHER)
    world.set(again, code=case.code)
    with world.sessions() as session:
        there = looking.address(session.get_one(Case, case.id))
    assert there.startswith(f"{case.code}-2")
    assert there in ada.get(f"/c/{case.code}").text, "the cover of the open one leads to it"
    assert WORDS in ada.post(f"/c/{there}/open").text
    assert "another person" not in ada.words(f"/c/{there}")
    assert f"/c/{there}/record" in ada.get(f"/c/{there}").text, "and what hangs on it is its own"
    other = signed_in(staff_id=world.hire("Bea", "+17675550177"))
    assert other.get(f"/c/{there}").status_code == 404
    assert there not in other.get(f"/c/{case.code}").text
    for wrong in (f"{case.code}-20200101", f"{case.code}-x", f"{case.code}-", "-20200101"):
        assert ada.get(f"/c/{wrong}").status_code == (200 if wrong.endswith("-") else 404), wrong


def test_a_code_that_is_another_s_now_means_the_open_case(world: Cases, signed_in: SignedIn) -> None:
    old, new, ada = world.write("the old words"), None, signed_in()
    ada.post(f"/c/{old.code}/take")
    with transaction(world.sessions) as session:
        handling.end(session, session.get_one(type(old), old.id), now(), outcome="resolved")
    new = world.write("the new words", phone=OTHER)
    world.set(new, code=old.code)
    page = ada.post(f"/c/{old.code}/open").text
    assert "the new words" in page
    assert "the old words" not in page


def test_another_officer_is_told_whose_it_is_and_is_logged(
    world: Cases, signed_in: SignedIn, people: dict[str, object]
) -> None:
    case = world.write(WORDS)
    signed_in().post(f"/c/{case.code}/take")
    bea = world.hire("Bea", "+17675550177")
    other = signed_in(staff_id=bea)
    assert "The officer has this case." in other.words(f"/c/{case.code}")
    page = other.post(f"/c/{case.code}/open").text
    assert "The officer has this case." in readable(page)
    assert WORDS in page
    assert f'action="/c/{case.code}/reply"' not in page
    assert bea in {one.staff_id for one in world.events(case, "viewed")}


@pytest.mark.parametrize("role", ["analyst", "editor", "administrator"])
def test_other_roles_see_nothing_of_a_case(world: Cases, signed_in: SignedIn, role: str) -> None:
    case, who = world.write(WORDS), signed_in(role)
    for path in ("", "/thread", "/record"):
        answer = who.get(f"/c/{case.code}{path}")
        assert answer.status_code == 403
        assert case.severity not in answer.text
    assert who.post(f"/c/{case.code}/open").status_code == 403
    assert "viewed" not in world.kinds(case)


def test_the_code_of_a_merged_case_leads_to_the_one_it_is_part_of(world: Cases, signed_in: SignedIn) -> None:
    case, other, ada = world.write("first"), world.write("second", phone=OTHER), signed_in()
    ada.post(f"/c/{case.code}/take")
    assert "is part of this case now" in ada.post(f"/c/{case.code}/merge", other=other.code).text
    page = ada.get(f"/c/{other.code}")
    assert page.headers["Location"] == f"/c/{case.code}"
    shown = ada.words(f"/c/{case.code}")
    for told in ("first", "second", f"Person {case.code}", f"Person {other.code}"):
        assert told in shown


NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}"
TURNED = "safe\u202eevil\u2066x\u0007\x1b[31m\u200f"


def test_the_texter_s_words_are_only_words(world: Cases, signed_in: SignedIn) -> None:
    case, ada = world.write(NASTY), signed_in()
    world.write(TURNED, told=None)
    ada.post(f"/c/{case.code}/take")
    ada.post(f"/c/{case.code}/note", words=NASTY + TURNED)
    ada.post(f"/c/{case.code}/translation", message="in:1", words=NASTY + TURNED)
    for path in ("", "/thread", "/record"):
        page = ada.get(f"/c/{case.code}{path}").text if path != "/record" else proven(ada, case.code)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;" in page
        assert "{{ 7*7 }}" in page
        for letter in "\u202e\u2066\u0007\x1b\u200f":
            assert letter not in page
        assert "safe[U+202E]evil[U+2066]x[U+0007][U+001B][31m[U+200F]" in page


def proven(browser: object, code: str) -> str:
    """The record, just after having proved who one is (a fresh session has)."""
    answer = browser.get(f"/c/{code}/record")  # type: ignore[attr-defined]
    assert answer.status_code == 200
    return str(answer.text)


def test_a_damaged_message_stops_nothing_else(world: Cases, signed_in: SignedIn) -> None:
    case, ada = world.write("the first"), signed_in()
    world.write("the second", told=None)
    ada.post(f"/c/{case.code}/note", words="a note")
    with transaction(world.sessions) as session:
        session.execute(
            text("UPDATE inbound_message SET body = set_byte(body, 30, 1 # get_byte(body, 30)) WHERE id = 1")
        )
        session.execute(text("UPDATE case_event SET detail = 'x'::bytea WHERE kind = 'note'"))
    page = ada.words(f"/c/{case.code}")
    assert UNREADABLE in page
    assert "the second" in page
    assert "the first" not in page


def test_times_states_and_authors_of_messages(world: Cases, signed_in: SignedIn) -> None:
    case, ada = world.write(WORDS, answer="Call 999."), signed_in()
    ada.post(f"/c/{case.code}/reply", words="I am here.")
    with transaction(world.sessions) as session:
        session.execute(text("UPDATE outbound_message SET state = 'accepted', delivery = 'delivered'"))
    page = readable(ada.get(f"/c/{case.code}/thread").text)
    assert "Person" in page
    assert page.index(WORDS) < page.index("Call 999.") < page.index("I am here.")
    assert page.count("delivered") == 2
    assert "The officer" in page.split("Call 999.")[1]
    assert "Service" in page.split(WORDS)[1]


def test_who_is_writing_is_shown_to_others_for_some_seconds(world: Cases, signed_in: SignedIn) -> None:
    case, ada, boss = world.write(WORDS), signed_in(), signed_in("supervisor")
    for one in (ada, boss):
        one.post(f"/c/{case.code}/open")
    assert ada.post(f"/c/{case.code}/writing").status_code == 204
    assert "The officer is writing now." in boss.get(f"/c/{case.code}/thread").text
    assert "is writing now" not in ada.get(f"/c/{case.code}/thread").text
    world.away(timedelta(seconds=16))
    assert "is writing now" not in boss.get(f"/c/{case.code}/thread").text
    ada.post(f"/c/{case.code}/writing")
    ada.post(f"/c/{case.code}/reply", words="Hello")
    assert "is writing now" not in boss.get(f"/c/{case.code}/thread").text


def test_a_long_talk_shows_its_end_first(world: Cases, signed_in: SignedIn) -> None:
    case, ada = world.write("word number 0"), signed_in()
    for number in range(1, 205):
        world.write(f"word number {number}", told=None)
    ada.post(f"/c/{case.code}/open")
    page = ada.words(f"/c/{case.code}")
    assert "word number 204" in page
    assert "word number 1 " not in page
    everything = ada.words(f"/c/{case.code}?earlier=1")
    assert "word number 1 " in everything


def test_the_record_wants_a_proof_and_is_audited(world: Cases, signed_in: SignedIn) -> None:
    case, ada = world.write(WORDS), signed_in()
    assert ada.get(f"/c/{case.code}/record").status_code == 409, "it is nobody's: supervisors print it, or who takes it"
    ada.post(f"/c/{case.code}/take")
    with transaction(world.sessions) as session:
        session.execute(text("UPDATE staff_session SET proved_at = proved_at - interval '1 day'"))
    asked = ada.get(f"/c/{case.code}/record")
    assert asked.headers["Location"].startswith("/again")
    with transaction(world.sessions) as session:
        session.execute(text("UPDATE staff_session SET proved_at = now()"))
    assert WORDS in ada.words(f"/c/{case.code}/record")
    assert ("case record printed", f"case:{case.id}") in world.audit()
    bea = signed_in(staff_id=world.hire("Bea", "+17675550177"))
    assert bea.get(f"/c/{case.code}/record").status_code == 409


def test_nothing_private_stands_in_the_page_s_title_or_address(world: Cases, signed_in: SignedIn) -> None:
    case, ada = world.write(WORDS, told=KNIFE), signed_in()
    page = ada.post(f"/c/{case.code}/open")
    title = page.text.partition("<title>")[2].partition("</title>")[0]
    assert title.startswith(f"Case {case.code} ")
    assert page.headers["Cache-Control"] == "no-store"
