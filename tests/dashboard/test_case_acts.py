"""What officers do on a case's page, and what is refused there; what was typed is never lost."""

import uuid
from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from base.clock import now
from base.db import transaction
from base.settings import Settings
from bot.phrases import wording
from directory.models import Service
from messaging.models import OutboundMessage
from oncall import wishes
from oncall.models import Case, ChecklistStep, Consent, Page, Referral
from tests.dashboard.browser import Browser, readable
from tests.dashboard.case_world import BEATEN, OTHER, Cases, world
from tests.dashboard.conftest import SignedIn

__all__ = ["world"]
BEA, BELL = "+17675550177", "koudmen:bell:protect"


@pytest.fixture
def case(world: Cases) -> Case:
    return world.write(answer="Call 999.")


@pytest.fixture
def ada(signed_in: SignedIn, case: Case) -> Browser:
    """An officer who has opened the case."""
    browser = signed_in()
    browser.post(f"/c/{case.code}/open")
    return browser


@pytest.fixture
def hers(ada: Browser, case: Case) -> Browser:
    """An officer who has taken it."""
    ada.post(f"/c/{case.code}/take")
    return ada


def told(browser: Browser, case: Case, act: str, **fields: str) -> str:
    """What the page says after an act."""
    return readable(browser.post(f"/c/{case.code}/{act}", follow=True, **fields).text)


def test_take_once_and_not_from_another(world: Cases, case: Case, ada: Browser, signed_in: SignedIn) -> None:
    assert "You have this case." in told(ada, case, "take")
    assert world.case(case).state == "acknowledged"
    assert world.audit()[-1] == ("case take", f"case:{case.id}")
    bea = signed_in(staff_id=world.hire("Bea", BEA))
    refused = bea.post(f"/c/{case.code}/take")
    assert refused.status_code == 409
    assert "The officer has this case since" in readable(refused.text)
    assert world.events(case, "viewed")[-1].staff_id != world.case(case).owner_id, "who acts has looked"


def test_only_a_supervisor_takes_over(
    world: Cases, case: Case, hers: Browser, signed_in: SignedIn, people: dict[str, uuid.UUID]
) -> None:
    bea = signed_in(staff_id=world.hire("Bea", BEA))
    assert bea.post(f"/c/{case.code}/take-over").status_code == 403
    boss = signed_in("supervisor")
    assert "Take it over from The officer" in told(boss, case, "open")
    assert "You have this case now." in told(boss, case, "take-over")
    assert world.case(case).owner_id == people["supervisor"]


def test_pass_on_to_the_next_level_and_to_a_person(
    world: Cases, case: Case, hers: Browser, signed_in: SignedIn
) -> None:
    bea = world.hire("Bea", BEA)
    assert "Passed on" in told(hers, case, "pass", to=str(bea), note="Call her before noon.")
    found = world.case(case)
    assert (found.owner_id, found.state) == (None, "paged")
    assert {(page.staff_id, page.kind) for page in paged(world, case)} == {(bea, "case")}
    assert world.events(case, "handover")[0].detail == {"note": "Call her before noon."}
    assert "Passed on" in told(hers, case, "pass", to="")
    signed_in(staff_id=bea).post(f"/c/{case.code}/take")
    refused = hers.post(f"/c/{case.code}/pass", to="", note="keep these words")
    assert refused.status_code == 409
    assert "Bea has this case" in readable(refused.text)
    assert "keep these words" in refused.text


def test_a_case_is_passed_to_nobody_who_cannot_be_paged(
    world: Cases, case: Case, hers: Browser, people: dict[str, uuid.UUID]
) -> None:
    for to, code in (("nobody", 400), (str(people["analyst"]), 409), (str(uuid.uuid4()), 409)):
        assert hers.post(f"/c/{case.code}/pass", to=to).status_code == code
    assert world.case(case).state == "acknowledged"


def paged(world: Cases, case: Case) -> list[Page]:
    with world.sessions() as session:
        return list(session.scalars(select(Page).where(Page.case_id == case.id, Page.state == "queued")))


def test_a_reply_is_queued_takes_the_case_and_rings(world: Cases, case: Case, ada: Browser, settings: Settings) -> None:
    redis = Redis.from_url(settings.redis_url or "")
    redis.delete(BELL)
    ada.post(f"/c/{case.code}/reply", words=" ")
    assert not redis.exists(BELL), "nothing was said, nothing rings"
    page = told(ada, case, "reply", words="Hello, I am Ada.\r\nCan you write freely?")
    assert redis.exists(BELL), "it leaves at once"
    redis.close()
    assert world.sent() == [("Hello, I am Ada.\nCan you write freely?", "queued")]
    assert "It is on its way." in page
    assert "waiting to leave" in page
    assert world.case(case).state == "engaged"
    assert world.kinds(case)[-2:] == ["engaged", "reply"]


def test_a_reply_sent_twice_by_a_bad_line_leaves_once(world: Cases, case: Case, hers: Browser) -> None:
    once = str(uuid.uuid4())
    for _ in range(2):
        hers.post(f"/c/{case.code}/reply", words="Hello", once=once)
    hers.post(f"/c/{case.code}/reply", words="Hello", once=str(uuid.uuid4()))
    assert [words for words, _ in world.sent()] == ["Hello", "Hello"]
    assert world.kinds(case).count("reply") == 2


def test_a_reply_without_words_or_too_long_is_not_sent_and_is_kept(world: Cases, case: Case, hers: Browser) -> None:
    for words in ("   ", "x" * 1001):
        answer = hers.post(f"/c/{case.code}/reply", words=words)
        assert answer.status_code == 400
        assert "at most 1000 letters" in answer.text
        assert words.strip() in answer.text
    assert world.sent() == []


def test_another_officer_cannot_reply_beside(world: Cases, case: Case, hers: Browser, signed_in: SignedIn) -> None:
    bea = signed_in(staff_id=world.hire("Bea", BEA))
    answer = bea.post(f"/c/{case.code}/reply", words="Hello")
    assert answer.status_code == 409
    assert "The officer has this case" in readable(answer.text)
    assert world.sent() == []


def test_not_safe_to_text_is_said_first_and_needs_a_reason(world: Cases, case: Case, hers: Browser) -> None:
    world.last_wrote(case, now() - timedelta(hours=2))
    assert "Safe to text?" in hers.words(f"/c/{case.code}")
    told(hers, case, "wish", step="contact", answer="no")
    page = hers.words(f"/c/{case.code}")
    assert "Not safe to text now: this person wishes no contact" in page
    assert page.index("Not safe to text now") < page.index("Call 999.") < page.index("Reply")
    refused = hers.post(f"/c/{case.code}/reply", words="Are you there?")
    assert refused.status_code == 409
    assert "say why it must go out" in refused.text
    assert "Are you there?" in refused.text
    assert world.sent() == []
    assert "on its way" in told(hers, case, "reply", words="Are you there?", override="imminent_harm")
    assert world.events(case, "override")[0].detail == {
        "reason": "imminent_harm", "against": "this person wishes no contact from us first"
    }  # fmt: skip


def test_the_quick_exit_word_is_shown_and_an_officer_s_note_does_not_end_it(
    world: Cases, case: Case, hers: Browser
) -> None:
    with transaction(world.sessions) as session:
        wishes.hidden(session, case.conversation_id, 1, now())
    assert "somebody else may hold the phone" in hers.words(f"/c/{case.code}")
    told(hers, case, "wish", step="when", answer="morning")
    told(hers, case, "severity", severity="high", reason="calmer")
    told(hers, case, "severity", severity="critical")
    assert "somebody else may hold the phone" in hers.words(f"/c/{case.code}")


def test_who_opted_out_is_not_written_to(world: Cases, case: Case, hers: Browser) -> None:
    with transaction(world.sessions) as session:
        session.execute(text("UPDATE address SET opted_out_at = now()"))
    page = hers.words(f"/c/{case.code}")
    assert "Do not text: this person asked for no more messages" in page
    assert "Nothing can be sent to this person" in page
    answer = hers.post(f"/c/{case.code}/reply", words="Hello", override="legal_duty")
    assert answer.status_code == 409
    assert world.sent() == []


def test_whatsapp_s_day_is_counted_down_and_then_they_are_asked_first(world: Cases, signed_in: SignedIn) -> None:
    case, ada = world.write(channel="whatsapp", ago=timedelta(minutes=5)), signed_in()
    ada.post(f"/c/{case.code}/take")
    assert "time left to write freely: 23 h 54 min" in ada.words(f"/c/{case.code}")
    world.last_wrote(case, now() - timedelta(hours=25))
    assert "The 24 hours of WhatsApp are over" in ada.words(f"/c/{case.code}")
    assert "asked to write first" in told(ada, case, "reply", words="Hello")
    assert [state for _, state in world.sent()] == ["queued", "window"]
    assert "waits until the person writes" in ada.words(f"/c/{case.code}")


def test_canned_words_are_put_into_the_box_and_nothing_is_sent(world: Cases, case: Case, hers: Browser) -> None:
    page = hers.post(f"/c/{case.code}/canned", canned="safe_to_text", word="mango", words="Hello.")
    box = readable(page.text.partition('id="words"')[2].partition("</textarea>")[0].partition(">")[2])
    assert box.startswith("Hello.")
    assert "mango" in box
    missing = hers.post(f"/c/{case.code}/canned", canned="service", words="keep me")
    assert "to be filled in: service" in missing.text
    assert "keep me" in missing.text
    assert world.sent() == []


def test_contact_by_call_is_noted_with_its_note(world: Cases, case: Case, hers: Browser) -> None:
    assert "Noted." in told(hers, case, "contacted", how="call", note="She is with her sister.")
    assert world.case(case).state == "engaged"
    assert world.events(case, "engaged")[0].detail == {"how": "call"}
    assert "She is with her sister." in hers.words(f"/c/{case.code}")
    assert hers.post(f"/c/{case.code}/contacted", how="pigeon").status_code == 400


def test_notes_are_encrypted_and_shown_with_who_wrote_them(world: Cases, case: Case, ada: Browser) -> None:
    assert "The note is kept." in told(ada, case, "note", words="Kept at her aunt's.", kind="note")
    assert "hand-over" in told(ada, case, "note", words="Call at six.", kind="handover")
    shown = ada.words(f"/c/{case.code}")
    assert "note , The officer Kept at her aunt's." in shown
    assert shown.index("Hand-over note , The officer") < shown.index("Call at six.") < shown.index("mari m ap")
    with world.sessions() as session:
        stored = session.execute(text("SELECT detail FROM case_event WHERE kind IN ('note', 'handover')")).scalars()
        assert all(b"aunt" not in bytes(one) and b"six" not in bytes(one) for one in stored)
    assert ada.post(f"/c/{case.code}/note", words=" ").status_code == 400
    assert ada.post(f"/c/{case.code}/note", words="x", kind="rumour").status_code == 400


def test_a_translation_stands_below_its_message_and_the_newest_counts(
    world: Cases, case: Case, ada: Browser, signed_in: SignedIn
) -> None:
    told(ada, case, "translation", message="in:1", words="my husband is beating")
    bea = signed_in(staff_id=world.hire("Bea", BEA))
    told(bea, case, "translation", message="in:1", words="my husband beats me")
    page = ada.words(f"/c/{case.code}")
    thread = page.partition("Reply")[0]
    assert "mari m ap bat mwen Translation by Bea my husband beats me" in thread
    assert "is beating" not in thread
    for message in ("in:99", "", "out:1"):
        assert ada.post(f"/c/{case.code}/translation", message=message, words="x").status_code == 400


def test_consent_is_recorded_with_the_words_and_withdrawn(world: Cases, case: Case, hers: Browser) -> None:
    version = wording("ht", "contact_ask")
    told(hers, case, "consent", purpose="contact", wording=version, given_by="caregiver")
    (given,) = consents(world)
    assert (given.purpose, given.wording, given.given_by, given.language) == ("contact", version, "caregiver", "ht")
    assert version in hers.words(f"/c/{case.code}")
    assert "Withdrawn." in told(hers, case, "withdraw", purpose="contact")
    assert consents(world)[0].withdrawn_at
    assert hers.post(f"/c/{case.code}/withdraw", purpose="contact").status_code == 409
    other = wording("ht", "canned.service")
    for purpose, words in (("contact", "made up"), ("everything", version), ("contact", other), ("share", version)):
        assert hers.post(f"/c/{case.code}/consent", purpose=purpose, wording=words).status_code == 400


def consents(world: Cases) -> list[Consent]:
    with world.sessions() as session:
        return list(session.scalars(select(Consent).order_by(Consent.given_at)))


def test_safe_times_and_the_word_are_shown_and_changed(world: Cases, case: Case, hers: Browser) -> None:
    told(hers, case, "consent", purpose="contact", wording="spoken")
    told(hers, case, "wish", step="when", answer="evening")
    told(hers, case, "wish", step="word", answer="blue door")
    page = hers.words(f"/c/{case.code}")
    assert "evening (17 to 21)" in page
    assert "blue door" in page
    told(hers, case, "wish", step="contact", answer="no")
    assert consents(world)[0].withdrawn_at, "no contact ends what was agreed to"
    for step, answer in (("when", "never"), ("word", ""), ("word", "x" * 31), ("moon", "full"), ("contact", "visit")):
        assert hers.post(f"/c/{case.code}/wish", step=step, answer=answer).status_code == 400


def test_severity_goes_down_only_with_a_reason_and_the_clocks_follow(world: Cases, case: Case, hers: Browser) -> None:
    before = world.case(case)
    refused = hers.post(f"/c/{case.code}/severity", severity="standard", reason=" ")
    assert refused.status_code == 400
    assert "why is it less bad" in refused.text
    assert world.case(case).severity == "critical"
    assert "Lowered." in told(hers, case, "severity", severity="standard", reason="He has left the island.")
    lowered = world.case(case)
    assert lowered.reply_due_at
    assert before.reply_due_at
    assert lowered.reply_due_at > before.reply_due_at
    (noted,) = world.events(case, "lowered")
    assert (noted.severity, noted.detail) == ("critical", {"to": "standard", "reason": "He has left the island."})
    assert "The officer lowered the severity, which was critical: standard; He has left" in hers.words(
        f"/c/{case.code}"
    )
    told(hers, case, "severity", severity="critical")
    raised = world.case(case)
    assert raised.reply_due_at == before.reply_due_at
    assert raised.close_due_at == before.close_due_at


def test_the_checklist_is_answered_once_and_not_needed_says_why(world: Cases, case: Case, hers: Browser) -> None:
    first, second = steps(world, case)[:2]
    refused = hers.post(f"/c/{case.code}/step", step=str(first.id), said="not_needed", note="")
    assert refused.status_code == 400
    assert "says why" in refused.text
    told(hers, case, "step", step=str(first.id), said="not_needed", note="She wrote from the station.")
    told(hers, case, "step", step=str(second.id), said="done")
    page = hers.words(f"/c/{case.code}")
    assert "not needed, The officer" in page
    assert "She wrote from the station." in page
    assert hers.post(f"/c/{case.code}/step", step=str(second.id), said="done").status_code == 409


def test_a_step_of_another_case_is_not_answered_here(world: Cases, case: Case, hers: Browser) -> None:
    other = world.write(phone=OTHER)
    step = steps(world, other)[0]
    assert hers.post(f"/c/{case.code}/step", step=str(step.id), said="done").status_code == 400
    assert steps(world, other)[0].answer is None


def steps(world: Cases, case: Case) -> list[ChecklistStep]:
    with world.sessions() as session:
        mine = select(ChecklistStep).where(ChecklistStep.case_id == case.id)
        return list(session.scalars(mine.order_by(ChecklistStep.due_at, ChecklistStep.position)))


def test_services_are_found_by_need_place_and_name_the_confidential_too(
    world: Cases, case: Case, hers: Browser, refuge: uuid.UUID
) -> None:
    found = hers.post(f"/c/{case.code}/services", need="safety", place="roseau")
    assert found.status_code == 200
    assert "?" not in found.request.url
    page = readable(found.text)
    assert "Found" in page
    assert str(refuge) in found.text
    assert "confidential: never name it in a text" in page
    named = hers.post(f"/c/{case.code}/services", name=service(world, refuge)[:12].lower())
    assert str(refuge) in named.text
    assert "Choose a need" in hers.post(f"/c/{case.code}/services", place="Roseau").text.replace("choose", "Choose")


@pytest.fixture
def refuge(sessions: sessionmaker[Session]) -> uuid.UUID:
    """A confidential service of the directory."""
    with sessions() as session:
        found = session.scalar(select(Service.id).where(Service.confidential).order_by(Service.name).limit(1))
        assert found
        return found


def service(world: Cases, service_id: uuid.UUID) -> str:
    with world.sessions() as session:
        return session.get_one(Service, service_id).name


def test_a_referral_needs_consent_or_a_reason_that_is_written_down(
    world: Cases, case: Case, hers: Browser, refuge: uuid.UUID
) -> None:
    refused = hers.post(f"/c/{case.code}/refer", service=str(refuge), note="x")
    assert refused.status_code == 409
    assert "has not agreed" in refused.text
    reasonless = hers.post(f"/c/{case.code}/refer", service=str(refuge), override="child_in_danger")
    assert reasonless.status_code == 400
    assert referrals(world) == []
    told(hers, case, "refer", service=str(refuge), override="child_in_danger", note="The boy is alone with him.")
    (one,) = referrals(world)
    assert (one.override_reason, one.consent_id, one.note) == ("child_in_danger", None, "The boy is alone with him.")
    assert "without consent: a child is in danger" in hers.words(f"/c/{case.code}")
    for wrong in ("", str(uuid.uuid4())):
        assert hers.post(f"/c/{case.code}/refer", service=wrong, agreed="1", wording="spoken").status_code == 400


def test_a_referral_goes_on_from_state_to_state_and_withdrawing_revokes_it(
    world: Cases, case: Case, hers: Browser, refuge: uuid.UUID
) -> None:
    told(hers, case, "refer", service=str(refuge), agreed="1", wording=wording("ht", "canned.service"))
    (one,) = referrals(world)
    assert one.consent_id
    assert "The referral is accepted." in told(hers, case, "referral", referral=str(one.id), state="accepted")
    assert hers.post(f"/c/{case.code}/referral", referral=str(one.id), state="created").status_code == 409
    told(hers, case, "withdraw", purpose="share")
    assert referrals(world)[0].state == "revoked"
    other = world.write(phone=OTHER)
    hers.post(f"/c/{other.code}/take")
    assert hers.post(f"/c/{other.code}/referral", referral=str(one.id), state="done").status_code == 400


def referrals(world: Cases) -> list[Referral]:
    with world.sessions() as session:
        return list(session.scalars(select(Referral).order_by(Referral.created_at)))


def test_closing_the_worst_needs_another_person(world: Cases, case: Case, hers: Browser, signed_in: SignedIn) -> None:
    assert "A supervisor is asked to agree." in told(hers, case, "close", outcome="resolved", note="Safe now.")
    assert world.case(case).closed_at is None
    assert hers.post(f"/c/{case.code}/approve").status_code == 403
    boss = signed_in("supervisor")
    assert "The officer asks to close this case: resolved." in told(boss, case, "open")
    assert "It goes on." in told(boss, case, "refuse", note="Call her once more.")
    assert "Call her once more." in hers.words(f"/c/{case.code}")
    assert boss.post(f"/c/{case.code}/approve").status_code == 409, "nobody asks any more"
    told(hers, case, "close", outcome="resolved")
    assert "The case is closed." in told(boss, case, "approve")
    closed = world.case(case)
    assert (closed.state, closed.outcome, closed.due_at) == ("closed", "resolved", None)
    assert ("case approve", f"case:{case.id}") in world.audit()


def test_a_supervisor_does_not_approve_what_they_asked_for(world: Cases, case: Case, signed_in: SignedIn) -> None:
    boss = signed_in("supervisor")
    told(boss, case, "take")
    assert "A supervisor is asked" in told(boss, case, "close", outcome="resolved")
    assert "Agree: close it" not in boss.words(f"/c/{case.code}")
    assert boss.post(f"/c/{case.code}/approve").status_code == 409
    assert world.case(case).closed_at is None


def test_lowering_the_severity_does_not_get_round_the_second_person(world: Cases, case: Case, hers: Browser) -> None:
    told(hers, case, "severity", severity="standard", reason="calmer")
    assert "A supervisor is asked" in told(hers, case, "close", outcome="resolved")
    assert world.case(case).closed_at is None


def test_a_lesser_case_is_closed_by_who_has_it(world: Cases, signed_in: SignedIn) -> None:
    case, ada = world.write(told=BEATEN), signed_in()
    ada.post(f"/c/{case.code}/take")
    assert ada.post(f"/c/{case.code}/close", outcome="magic").status_code == 400
    assert "The case is closed." in told(ada, case, "close", outcome="no_concern")
    assert ada.post(f"/c/{case.code}/note", words="more").status_code == 409
    assert ada.post(f"/c/{case.code}/reply", words="more").status_code == 409


def test_merging_needs_both_open_and_nobody_else_s(
    world: Cases, case: Case, hers: Browser, signed_in: SignedIn
) -> None:
    other = world.write(told=BEATEN, phone=OTHER)
    bea = signed_in(staff_id=world.hire("Bea", BEA))
    bea.post(f"/c/{other.code}/take")
    assert hers.post(f"/c/{case.code}/merge", other=other.code).status_code == 409
    assert hers.post(f"/c/{case.code}/merge", other="00").status_code == 409
    assert hers.post(f"/c/{case.code}/merge", other=case.code).status_code == 409
    assert world.case(other).merged_into is None
    boss = signed_in("supervisor")
    assert "is part of this case now" in told(boss, case, "merge", other=other.code)
    told(hers, case, "reply", words="To the second", talk=str(other.conversation_id))
    with world.sessions() as session:
        sent = session.scalars(select(OutboundMessage).where(OutboundMessage.inbound_id.is_(None))).one()
    assert sent.conversation_id == other.conversation_id
    assert hers.post(f"/c/{case.code}/reply", words="x", talk=str(uuid.uuid4())).status_code == 409


HERS = (
    ("consent", {"purpose": "contact", "wording": "spoken"}), ("withdraw", {"purpose": "contact"}),
    ("wish", {"step": "word", "answer": "mango"}), ("severity", {"severity": "standard", "reason": "x"}),
    ("step", {"said": "done"}), ("refer", {"agreed": "1", "wording": "spoken"}), ("referral", {"state": "done"}),
    ("close", {"outcome": "resolved"}), ("merge", {"other": "1"}),
)  # fmt: skip


@pytest.mark.parametrize(("act", "fields"), HERS, ids=[act for act, _ in HERS])
def test_an_officer_who_has_not_got_the_case_changes_nothing(
    world: Cases, case: Case, ada: Browser, signed_in: SignedIn, act: str, fields: dict[str, str]
) -> None:
    assert "take the case first" in told(ada, case, act, **fields)
    ada.post(f"/c/{case.code}/take")
    before = world.kinds(case)
    bea = signed_in(staff_id=world.hire("Bea", BEA))
    assert "somebody else has this case" in told(bea, case, act, **fields)
    assert world.kinds(case) == [*before, "viewed"]


def test_a_disabled_account_acts_no_more(world: Cases, case: Case, hers: Browser) -> None:
    with transaction(world.sessions) as session:
        session.execute(text("UPDATE staff SET disabled_at = now()"))
    assert hers.post(f"/c/{case.code}/note", words="x", follow=False).headers["Location"].startswith("/sign-in")
    assert world.events(case, "note") == []


def test_every_act_leaves_its_entry_in_the_audit_log_without_words(world: Cases, case: Case, hers: Browser) -> None:
    told(hers, case, "note", words="a secret word")
    told(hers, case, "reply", words="another secret")
    actions = [action for action, subject in world.audit() if subject == f"case:{case.id}"]
    assert actions == ["case viewed", "case take", "case note", "case reply"]
    with world.sessions() as session:
        assert "secret" not in str(session.execute(text("SELECT * FROM audit_event")).all())


def test_a_wish_that_cannot_be_read_counts_as_no(world: Cases, case: Case, hers: Browser) -> None:
    told(hers, case, "wish", step="contact", answer="text")
    world.last_wrote(case, now() - timedelta(hours=2))
    assert "Safe to text?" in hers.words(f"/c/{case.code}")
    with transaction(world.sessions) as session:
        session.execute(text("UPDATE case_event SET detail = 'x'::bytea WHERE kind IN ('wish', 'disclosed')"))
    assert "Not safe to text now" in hers.words(f"/c/{case.code}")
    assert hers.post(f"/c/{case.code}/reply", words="Hello").status_code == 409
