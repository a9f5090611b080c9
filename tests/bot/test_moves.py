"""What one message asks for, and that every move has an answer."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot import answers
from bot.moves import ANSWERS, Message, Move, decide
from bot.reading import Reading
from bot.state import State, from_json
from directory.places import place_named

AT = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
NOTHING = Reading("en", False, "other", None, None, None, 0.0, "none")
PORTSMOUTH = replace(NOTHING, place=place_named("Portsmouth"))
FOUND = State(known=True, need="health", waiting="results", results=("a", "b", "c", "d"), shown=3)
SAFE = State(known=True, waiting="safe", concern="domestic_violence")
FORGET, GENTLE, LANGUAGE = State(waiting="forget"), State(waiting="gentle"), State(waiting="language")
MENU, MENU_MORE = State(waiting="menu"), State(waiting="menu_more")


def move(text: str, state: State = MENU, reading: Reading = NOTHING, **message: Any) -> Move:
    """The move for a text."""
    return decide(state, Message(text, message.pop("kind", "text"), "sms", AT, **message), reading)


def meant(intent: str, **found: Any) -> Reading:
    """A reading of this intent."""
    return replace(NOTHING, intent=intent, **found)


EVERY_MOVE: list[tuple[str, Move]] = [
    ("hello", move("hello", reading=meant("greet"))),
    ("find", move("doctor", reading=meant("find", need="health"))),
    ("more", move("more", FOUND, meant("more"))),
    ("detail", move("1", FOUND)),
    ("place", move("Portsmouth", reading=PORTSMOUTH)),
    ("disclose", move("he hits me", reading=meant("disclose", concern="domestic_violence"))),
    ("safe_yes", move("1", SAFE)),
    ("safe_no", move("2", SAFE)),
    ("gentle", move("I am afraid", reading=replace(NOTHING, gentle=True))),
    ("confirmed", move("1", GENTLE)),
    ("gentle_no", move("2", GENTLE)),
    ("unclear", move("blorp")),
    ("choose_again", move("17")),
    ("media", move("", kind="media")),
    ("human", move("7", MENU_MORE)),
    ("bad", move("it is closed", FOUND, meant("feedback_bad"))),
    ("good", move("they helped", FOUND, meant("feedback_good"))),
    ("menu", move("0")),
    ("menu_more", move("9")),
    ("languages", move("other language", reading=meant("change_language"))),
    ("set_language", move("3", LANGUAGE)),
    ("thanks", move("thanks", reading=meant("thanks"))),
    ("goodbye", move("bye", reading=meant("goodbye"))),
    ("about", move("who are you", reading=meant("about"))),
    ("rights", move("my rights", reading=meant("rights"))),
    ("fine", move("ok", reading=meant("affirm"))),
    ("forget_ask", move("forget me", reading=meant("forget_me"))),
    ("forget", move("1", FORGET)),
    ("kept", move("2", FORGET)),
    ("step", move("1", State(waiting="contact"))),
    ("leave", move("bus", exit=True)),
    ("to_person", move("hello", staffed=True)),
    ("opt_out", move("STOP")),
    ("opt_in", move("BEGIN")),
]


@pytest.mark.parametrize(("name", "found"), EVERY_MOVE)
def test_each_move_is_reached(name: str, found: Move) -> None:
    assert found.name == name


def test_every_handler_is_reached_by_some_message() -> None:
    assert {name for name, _ in EVERY_MOVE} == answers.HANDLERS.keys()


@pytest.mark.parametrize("number", ["1", "2", "9", "12", "#3", " 4. "])
def test_a_number_where_nothing_is_waiting_gets_the_list_not_a_guess(number: str) -> None:
    assert move(number, State(known=True)).name == "menu"
    assert move(number, State()).name == "menu"


def test_numbers_choose_from_what_was_shown_last() -> None:
    assert move("2", FOUND) == Move("detail", about="b")
    assert move("4", FOUND) == Move("detail", about="d")
    assert move("5", FOUND).name == "choose_again"
    assert move("3", MENU).query is not None
    assert move("99", MENU).name == "choose_again"
    assert move("123", MENU).name == "unclear"  # no choice, and no telephone number either


def test_services_named_beside_the_question_about_safety_begin_at_six() -> None:
    """The address of the first service is never taken for "I am safe"."""
    asked = replace(FOUND, waiting="safe", concern="domestic_violence", first=6)
    assert move("1", asked).name == "safe_yes"
    assert move("2", asked).name == "safe_no"
    assert move("6", asked) == Move("detail", about="a")
    assert move("9", asked) == Move("detail", about="d")
    assert move("3", asked).name == move("10", asked).name == "unclear"  # the question is asked again
    answered = replace(asked, waiting="results")
    assert move("2", answered).name == "safe_no"  # what stands on the phone's screen still holds
    assert move("6", answered) == Move("detail", about="a")
    for waiting in ("contact", "when", "word"):
        step = replace(asked, waiting=waiting)
        assert move("6", step) == Move("detail", about="a")
        assert [move(number, step).name for number in "0123"] == ["step"] * 4


@pytest.mark.parametrize("state", [SAFE, GENTLE, FORGET])
@pytest.mark.parametrize(
    "text",
    ["si li vini l ap touye m", "pa rele yo", "yes but he is coming", "no not here he took it", "wi men", "1 kilo"],
)
def test_yes_and_no_are_whole_messages_only(state: State, text: str) -> None:
    assert move(text, state).name not in {"safe_yes", "safe_no", "confirmed", "gentle_no", "forget", "kept"}


@pytest.mark.parametrize("text", ["Yes", "WI", "wi!", "oui.", "Sí", "yes I'm safe", "Mwen an sekirite", "I am safe."])
def test_safe(text: str) -> None:
    assert move(text, SAFE).name == "safe_yes"


@pytest.mark.parametrize("text", ["No", "non", "NOT SAFE", "no, i am not safe", "M pa an sekirite", "I'm not safe"])
def test_not_safe_answers_the_question_and_is_no_new_disclosure(text: str) -> None:
    assert move(text, SAFE, meant("disclose", concern="danger")).name == "safe_no"


@pytest.mark.parametrize("text", ["ok", "okay", "dako", "👍"])
def test_an_ok_does_not_say_that_somebody_is_safe(text: str) -> None:
    assert move(text, SAFE, meant("affirm")).name == "unclear"
    assert move(text, GENTLE, meant("affirm")).name == "gentle"
    assert move("ok", FORGET, meant("affirm")).name == "forget"


def test_safe_and_not_safe_answer_the_gentle_question_the_other_way_round() -> None:
    assert move("i am not safe", GENTLE).name == "confirmed"
    assert move("yes i am", GENTLE).name == "confirmed"
    assert move("no i am safe", GENTLE).name == "gentle_no"
    assert move("no i am not", GENTLE).name == "gentle_no"
    assert move("no i am not", SAFE).name == "safe_no"


def test_no_answer_is_both_yes_and_no() -> None:
    for yes, no in ANSWERS.values():
        assert not yes & no


def test_a_concern_comes_before_everything_but_a_plain_answer() -> None:
    concern = meant("disclose", concern="danger")
    for state in (MENU, MENU_MORE, FOUND, LANGUAGE, FORGET, SAFE, GENTLE, State()):
        assert move("STOP li frape m", state, concern).name == "disclose"
        assert move("", state, concern, kind="media").name == "disclose"
        assert move("STOP", state, concern, extra={"opt_out": "STOP"}).name == "disclose"


def test_services_come_with_a_disclosure_only_when_asked_for() -> None:
    told = meant("disclose", concern="domestic_violence", need="money")
    assert move("he takes my money", reading=told).query is None
    assert move("he takes my money", reading=replace(told, details=frozenset({"asks"}))).query is not None
    assert move("he takes my money", reading=replace(told, place=PORTSMOUTH.place)).query is not None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("English", "en"), ("KREYÒL", "ht"), ("kreyol ayisyen", "ht"), ("Kwéyòl", "acf"), ("patwa", "acf"),
        ("français", "fr"), ("Español", "es"), ("espanyol", None),
    ],
)  # fmt: skip
def test_a_language_is_chosen_by_its_name_at_any_time(text: str, language: str | None) -> None:
    for state in (MENU, FOUND, State(), SAFE):
        assert move(text, state) == (Move("set_language", about=language) if language else Move("unclear")) or (
            state is SAFE and language is None
        )


@pytest.mark.parametrize("intent", ["other", "find", "affirm", "deny", "about", "more", "help"])
def test_a_place_after_a_search_searches_there(intent: str) -> None:
    """ "What about Portsmouth" is no question about us."""
    there = move("what about Portsmouth", FOUND, replace(PORTSMOUTH, intent=intent))
    assert there.query is not None
    assert (there.name, there.query.place, there.query.needs) == ("find", "Portsmouth", ("health",))


def test_a_location_is_a_place() -> None:
    here = {"latitude": 15.58, "longitude": -61.46}
    first = move("", State(), kind="location", extra=here)
    assert first.place is not None
    assert (first.name, first.place.name) == ("place", "Portsmouth")
    found = move("", FOUND, kind="location", extra={"latitude": 15.580449, "longitude": -61.46})
    assert found.query is not None
    assert (found.name, found.query.latitude, found.query.longitude) == ("find", 15.58, -61.46)
    assert move("", State(), kind="location", extra={"latitude": 18.59, "longitude": -72.3}).name == "unclear"


def test_where_a_person_stands_is_kept_until_they_name_a_place() -> None:
    there = replace(FOUND, point=(15.58, -61.46), place="Portsmouth", parish="Saint John")
    near = move("food", from_json(there.as_json()), meant("find", need="food")).query
    named = move("food in Roseau", there, replace(PORTSMOUTH, intent="find", need="food")).query
    assert near is not None
    assert (near.latitude, near.longitude, near.place) == (15.58, -61.46, "Portsmouth")
    assert named is not None
    assert (named.latitude, named.longitude) == (None, None)


def test_who_it_is_for_goes_into_the_search() -> None:
    reading = meant("find", need="food", details=frozenset({"child", "older", "no_papers", "now"}))
    query = move("food", reading=reading).query
    assert query is not None
    assert (query.audience, query.no_papers) == (frozenset({"children", "elderly"}), True)


def test_yes_opts_in_only_after_an_opt_out() -> None:
    assert move("YES", opted_out=True).name == "opt_in"
    assert move("YES", reading=meant("affirm")).name == "fine"
    assert move("yes", SAFE, opted_out=True).name == "safe_yes"
