"""Any state, any text, any reading: there is an answer, and it fits. And what single handlers do."""

import uuid
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from base.settings import LANGUAGES
from bot.drain import facts_of
from bot.moves import Message, decide
from bot.phrases import say
from bot.reading import Reading
from bot.scene import Disclosed, Erase, Facts, Opted, Turn, Unread, Wanted, Worse, Wrong
from bot.state import State, awake, from_json
from bot.turn import turn
from directory.places import place_named
from directory.search import Found, Number
from messaging import optout
from messaging.outbox import Lane
from messaging.segments import segments
from tests.conftest import make_settings

AT = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
IDLE = timedelta(minutes=30)
NEEDS = ("health", "food", "shelter", "safety", "documents", None)
CONCERNS = (
    "danger self_harm child_abuse domestic_violence sexual_violence trafficking vulnerable_adult discrimination sea"
).split()
INTENTS = (
    "find disclose greet thanks goodbye help human change_language about rights affirm deny more forget_me "
    "feedback_good feedback_bad other"
).split()
WAITING = ["", "menu", "menu_more", "results", "language", "forget", "safe", "gentle", "contact", "when", "word"]
WORDS = ["", "1", "2", "9", "0", "12", "yes", "no", "ok", "STOP", "RETE", "BEGIN", "START", "HELP", "kreyol", "thanks"]
PLACES = [None, *(place_named(name) for name in ("Portsmouth", "Roseau", "Kalinago Territory"))]
LONG = "Olivia Douglas Health and Wellness Centre"


def the_facts() -> Facts:
    """The facts of the shipped configuration."""
    return facts_of(make_settings(Path("/nonexistent")))


def found(number: int, **values: Any) -> Found:
    """A service as the directory gives it."""
    fields: dict[str, Any] = {
        "service_id": uuid.UUID(int=number), "organization": "Ministry",
        "name": LONG if number % 2 else f"Clinic {number}",
        "place": "Portsmouth", "place_confirmed": True, "parish": "Saint John",
        "address": "33 Great Marlborough Street",
        "phones": (Number("767-555-0100"),) if number % 3 else (), "has_unverified_phone": number % 3 == 0, "hours": (),
        "open_now": None, "open_to_migrants": "yes", "speaks": ("ht",), "national": False, "eligibility": None,
        "documents": (), "fees": None, "alert": None, "distance_km": None, "reasons": ("need:health", "same_parish"),
    }  # fmt: skip
    return Found(**{**fields, **values})


states = st.builds(
    State,
    language=st.sampled_from([None, *LANGUAGES, "xx"]),
    chosen=st.booleans(),
    waiting=st.sampled_from([*WAITING, "from a newer version"]),
    need=st.sampled_from(NEEDS),
    place=st.sampled_from([None, "Portsmouth", "nowhere"]),
    parish=st.sampled_from([None, "Saint John"]),
    results=st.lists(st.uuids().map(str), max_size=9).map(tuple),
    shown=st.integers(0, 9),
    first=st.sampled_from([1, 6]),
    detail=st.none() | st.uuids().map(str),
    unclear=st.integers(0, 3),
    concern=st.sampled_from([None, *CONCERNS]),
    heard=st.lists(st.sampled_from(CONCERNS), unique=True, max_size=3).map(tuple),
    severity=st.sampled_from([None, "standard", "high", "critical"]),
    step=st.integers(0, 3),
    hidden=st.booleans(),
    passed=st.booleans(),
    known=st.booleans(),
    at=st.none() | st.just((AT - timedelta(minutes=5)).isoformat()) | st.just((AT - timedelta(days=2)).isoformat()),
)
readings = st.builds(
    Reading,
    language=st.sampled_from([None, *LANGUAGES]),
    language_sure=st.booleans(),
    intent=st.sampled_from(INTENTS),
    need=st.sampled_from(NEEDS),
    concern=st.sampled_from([None, None, *CONCERNS]),
    severity=st.sampled_from([None, "standard", "high", "critical"]),
    confidence=st.floats(0, 1),
    source=st.just("model"),
    place=st.sampled_from(PLACES),
    gentle=st.booleans(),
    details=st.frozensets(st.sampled_from(["asks", "child", "older", "now", "no_papers", "speaks_kreyol"])),
)
messages = st.builds(
    Message,
    text=st.sampled_from(WORDS) | st.text(max_size=60),
    kind=st.sampled_from(["text", "button", "media"]),
    channel=st.sampled_from(["sms", "sim_sms"]),
    at=st.just(AT),
    extra=st.sampled_from([{}, {"button": "2"}, {"opt_out": "STOP"}, {"opt_out": "START"}, {"opt_out": "HELP"}]),
    opted_out=st.booleans(),
    case_open=st.booleans(),
    exit=st.sampled_from([False, False, False, True]),
) | st.builds(
    Message,
    text=st.just(""),
    kind=st.just("location"),
    channel=st.just("sms"),
    at=st.just(AT),
    extra=st.fixed_dictionaries({"latitude": st.floats(-90, 90), "longitude": st.floats(-180, 180)}),
)
services = st.integers(0, 9).map(lambda count: [found(i + 1) for i in range(count)])


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(state=states, message=messages, reading=readings, services=services)
def test_any_message_in_any_state_gets_an_answer_that_fits(
    state: State, message: Message, reading: Reading, services: list[Found]
) -> None:
    state = awake(state, message.at, IDLE)
    move = decide(state, message, reading)
    done = turn(state, message, reading, move, services, FACTS)

    silent = move.name == "opt_out" and optout.carrier_answers(message.text, message.extra, message.channel)
    assert bool(done.replies) != silent
    assert all(reply and "{" not in reply for reply in done.replies)
    with_services = {"find", "more", "detail", "disclose"}
    allowed = FACTS.max_segments if move.name in with_services else 1
    assert [reply for reply in done.replies if segments(reply) > allowed] == []
    assert from_json(orjson.loads(orjson.dumps(done.state.as_json()))) == done.state


@settings(max_examples=400, deadline=None)
@given(state=states, message=messages, reading=readings, services=services)
def test_a_concern_is_never_passed_over(
    state: State, message: Message, reading: Reading, services: list[Found]
) -> None:
    """It opens a case, emergency numbers come first, and nothing waits behind ordinary replies."""
    reading = replace(reading, concern=reading.concern or "danger")
    move = decide(state, message, reading)
    if move.name in {"safe_yes", "safe_no", "confirmed", "gentle_no", "step"}:
        return  # a plain answer to our own question
    done = turn(state, message, reading, move, services, FACTS)
    if message.exit:
        return
    assert [type(event) for event in done.events] == [Disclosed]
    assert "999" in done.replies[0]
    assert done.lane == Lane.PROTECTION


FACTS = the_facts()


def answer(text: str, state: State, reading: Reading, services: list[Found] | None = None, **message: Any) -> Turn:
    """The turn a text leads to."""
    said = Message(text, message.pop("kind", "text"), message.pop("channel", "sms"), message.pop("at", AT), **message)
    return turn(state, said, reading, decide(state, said, reading), services or [], FACTS)


NOTHING = Reading("en", False, "other", None, None, None, 0.0, "none")
EN = State(language="en", known=True, at=AT.isoformat())
THREE = [found(2), found(3), found(4), found(5)]


def test_results_are_numbered_and_remembered() -> None:
    done = answer("doctor", EN, replace(NOTHING, intent="find", need="health"), THREE)
    assert done.replies[0].startswith("1 Clinic 2, Portsmouth\n2 Olivia")
    assert done.state.results == tuple(str(item.service_id) for item in THREE)
    assert (done.state.waiting, done.state.first, done.state.shown) == ("results", 1, 3)
    assert done.events == (Wanted("health", None, "found"),)
    rest = answer("more", done.state, replace(NOTHING, intent="more"), THREE)
    assert rest.replies[0].startswith("4 Olivia")
    last = answer("more", rest.state, replace(NOTHING, intent="more"), THREE)
    assert last.replies == (say("en", "no_more"),)


def test_services_far_away_are_said_to_be_far() -> None:
    far = [found(2, reasons=("need:health", "elsewhere"))]
    reading = replace(NOTHING, intent="find", need="health", place=place_named("Portsmouth"))
    done = answer("doctor in Portsmouth", EN, reading, far)
    assert done.replies[0].startswith("I know none in Portsmouth yet.")
    assert done.events == (Wanted("health", "Saint John", "elsewhere", "Portsmouth"),)


def test_nothing_found_goes_to_a_person() -> None:
    done = answer("doctor", EN, replace(NOTHING, intent="find", need="health"))
    assert done.replies == (say("en", "found_none"),)
    assert done.events == (Wanted("health", None, "none"), Unread("no service"))


def test_what_stands_nearest_to_an_unmet_need_is_told_as_that_and_a_person_reads_it_too() -> None:
    near = [found(2, reasons=("instead:food", "need:money", "same_parish"))]
    done = answer("food", EN, replace(NOTHING, intent="find", need="food"), near)
    assert done.replies[0].startswith("I know no service for that yet")
    assert "1 Clinic 2" in done.replies[0]
    assert done.events == (Wanted("food", None, "none"), Unread("no service"))


def test_an_unverified_number_is_never_said() -> None:
    state = replace(EN, waiting="results", results=("x",))
    done = answer("1", state, NOTHING, [found(3)])
    assert "number is being checked" in done.replies[0]
    assert "767" not in done.replies[0]


def test_a_need_while_the_question_about_safety_is_open() -> None:
    told = answer("he hits me", EN, replace(NOTHING, intent="disclose", concern="domestic_violence", severity="high"))
    assert told.state.waiting == "safe"
    asked = answer("a place to sleep", told.state, replace(NOTHING, intent="find", need="shelter"), THREE)
    assert asked.replies[0].startswith("6 Clinic 2")
    assert asked.replies[1].startswith("I am still here. Are you safe now?")
    assert (asked.state.waiting, asked.lane) == ("safe", Lane.PROTECTION)
    detail = answer("6", asked.state, NOTHING, [THREE[0]])
    assert "Clinic 2" in detail.replies[0]
    no = answer("2", detail.state, NOTHING)
    assert no.events == (Worse("critical"),)
    assert (no.state.waiting, no.state.concern) == ("contact", None)


def test_the_question_about_safety_outlives_other_answers() -> None:
    asked = replace(EN, waiting="safe", concern="danger")
    for text, reading in [
        ("thanks", replace(NOTHING, intent="thanks")),
        ("who are you", replace(NOTHING, intent="about")),
        ("hello", replace(NOTHING, intent="greet")),
        ("help me", replace(NOTHING, intent="help")),
        ("maybe", replace(NOTHING, intent="affirm")),
        ("Roseau", replace(NOTHING, place=place_named("Roseau"))),
        ("kreyol", NOTHING),
        ("blorp", NOTHING),
        ("7", NOTHING),
        ("more", replace(NOTHING, intent="more")),
    ]:
        done = answer(text, replace(asked, results=("x",)) if text == "more" else asked, reading, THREE)
        assert done.state.waiting == "safe", text
        assert done.lane == Lane.PROTECTION, text
        assert answer("2", done.state, NOTHING).events == (Worse("critical"),)


def test_an_idle_phone_is_not_asked_about_safety_by_a_greeting() -> None:
    """Somebody else may hold it by then; 1 and 2 are still understood."""
    asked = replace(EN, waiting="safe", concern="danger")
    later = AT + timedelta(hours=3)
    done = answer("hello", awake(asked, later, IDLE), replace(NOTHING, intent="greet"), at=later)
    assert done.replies == (say("en", "hello", name=FACTS.name),)
    assert done.state.waiting == "safe"


def test_the_same_concern_again_is_added_and_another_one_is_answered_anew() -> None:
    asked = replace(EN, waiting="safe", concern="domestic_violence", heard=("domestic_violence",))
    same = answer("he hit me again", asked, replace(NOTHING, concern="domestic_violence", severity="high"))
    assert same.replies == (say("en", "heard_again", numbers="999 or 911"),)
    other = answer("my child too", asked, replace(NOTHING, concern="child_abuse", severity="high"))
    assert other.replies[1] == f"{say('en', 'who_sees')} {say('en', 'safe_child')}"  # before the first question


def test_discrimination_is_answered_without_the_question_about_safety() -> None:
    told = replace(NOTHING, concern="discrimination", severity="standard", need="health", details=frozenset({"asks"}))
    done = answer("they sent me away, where can I go", EN, told, THREE)
    assert done.replies[1].startswith("6 Clinic 2")
    assert done.replies[2].startswith("May a person contact you?")
    assert (done.state.waiting, done.state.concern) == ("contact", None)
    still = answer("they sent me away", replace(EN, waiting="safe", concern="danger"), replace(told, need=None))
    assert still.state.waiting == "safe"
    assert still.replies[-1].startswith("I am still here")


def test_twice_unclear_goes_to_a_person() -> None:
    first = answer("blorp", EN, NOTHING)
    assert first.replies == (say("en", "unclear"),)
    second = answer("blorp", first.state, NOTHING)
    assert second.events == (Unread("unclear"),)
    assert "A person will read" in second.replies[0]


def test_events_of_single_moves() -> None:
    assert answer("1", replace(EN, waiting="forget"), NOTHING).events == (Erase(),)
    assert answer("STOP", EN, NOTHING) == replace(answer("STOP", EN, NOTHING), replies=(), events=(Opted("out"),))
    assert answer("STOP", EN, NOTHING, channel="whatsapp").replies == (say("en", "opted_out"),)
    wrong = replace(EN, results=("a", "b"), detail="b")
    assert answer("it is wrong", wrong, replace(NOTHING, intent="feedback_bad")).events == (Wrong("b"),)
    assert answer("it is wrong", EN, replace(NOTHING, intent="feedback_bad")).events == (Unread("complaint"),)


def test_erasing_says_what_is_kept() -> None:
    asked = replace(EN, waiting="forget", chosen=True, place="Roseau")
    assert answer("1", asked, NOTHING).replies == (say("en", "forgotten"),)
    done = answer("1", asked, NOTHING, case_open=True)
    assert done.replies == (say("en", "forgotten_case"),)
    assert done.state == State(language="en", known=True, at=AT.isoformat())


def test_the_language() -> None:
    def spoken(state: State, code: str | None, *, sure: bool) -> str | None:
        return answer("x", state, replace(NOTHING, language=code, language_sure=sure)).state.language

    assert spoken(State(), "ht", sure=False) == "ht"  # the first guess, until something surer
    assert spoken(State(), None, sure=False) == "en"
    assert spoken(replace(EN, language="ht"), "en", sure=False) == "ht"
    assert spoken(replace(EN, language="ht"), "en", sure=True) == "en"
    assert spoken(replace(EN, language="ht", chosen=True), "en", sure=True) == "ht"


def test_awake() -> None:
    full = State(
        "ht", True, "results", "food", "Roseau", "Saint George", ("a",), 1, 1, "a", 1, None,
        ("danger",), "critical", 2, False, False, True, AT.isoformat(),
    )  # fmt: skip
    assert awake(full, AT + IDLE, IDLE) == full
    kept = awake(full, AT + IDLE + timedelta(seconds=1), IDLE)
    assert kept == State(language="ht", chosen=True, known=True, at=AT.isoformat())
    asked = replace(full, waiting="safe", concern="danger")
    assert awake(asked, AT + timedelta(days=1), IDLE) == replace(kept, waiting="safe", concern="danger")


@given(state=states)
def test_a_state_survives_storage(state: State) -> None:
    assert from_json(orjson.loads(orjson.dumps(state.as_json()))) == state


def test_a_state_of_another_version_is_read_as_far_as_it_goes() -> None:
    assert from_json(None) == from_json({}) == State()
    assert from_json({"language": "ht", "invented_later": [1]}) == State(language="ht")
    assert from_json({"waiting": "menu"}) == State(waiting="menu")
    assert State().as_json() == {}
    assert asdict(State()).keys() >= {"first", "concern"}


def test_every_concern_has_its_words() -> None:
    for concern in CONCERNS:
        for language in LANGUAGES:
            state = replace(EN, language=language, chosen=True)
            done = answer("x", state, replace(NOTHING, concern=concern, severity="high"))
            assert "999" in done.replies[0]
