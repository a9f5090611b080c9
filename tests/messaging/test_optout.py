"""Opt-out and opt-in are the whole message, in any case and with any accents; a sentence never is one."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from messaging import inbox, optout
from messaging.inbound import Inbound
from messaging.models import Address, OptEvent

OUT = (
    "STOP Stop stopall UNSUBSCRIBE cancel end quit revoke optout rete sispann sispan kanpe kanpé Rete! STOP. arrêt alto"
)
IN = "START start UNSTOP komanse Kòmanse rekòmanse begin commencer"
SENTENCES = [
    "STOP li frape m", "di l stop", "stop please", "mwen pa ka kanpe", "rete la", "li pa vle rete", "end of the road",
    "I want to quit my job", "cancel my visa", "m ap kòmanse travay", "where do I start", "stop stop", "kanpe l tanpri",
    "sispann bat mwen", "yes", "wi", "info", "help", "", "   ", "1", "stopp", "bus stop in Roseau",
]  # fmt: skip
WORDS = sorted(optout.TWILIO_OUT | optout.OUR_OUT | optout.TWILIO_IN | optout.OUR_IN)
edges = st.text(" \t\r\n.,!?\"'*", max_size=4)


@pytest.mark.parametrize("text", [*OUT.split(), "STOP ALL", "stop  all", "opt out", "Sispann ekri m", "pa ekri m ankò"])
def test_words_that_opt_out(text: str) -> None:
    assert optout.asked(text, {}, opted_out=False) == "out"


@pytest.mark.parametrize("text", IN.split())
def test_words_that_opt_in(text: str) -> None:
    assert optout.asked(text, {}, opted_out=True) == "in"


@pytest.mark.parametrize("text", SENTENCES)
def test_sentences_are_read_like_any_other(text: str) -> None:
    assert optout.asked(text, {}, opted_out=False) is None


def test_yes_opts_in_only_those_who_had_opted_out() -> None:
    assert optout.asked("YES", {}, opted_out=True) == "in"
    assert optout.asked("yes please", {}, opted_out=True) is None


@given(st.sampled_from(WORDS), st.sampled_from([str.upper, str.lower, str.title]), edges, edges, st.booleans())
def test_however_it_is_typed(word: str, case: object, before: str, after: str, decomposed: bool) -> None:
    typed = before + getattr(word, getattr(case, "__name__", "lower"))() + after
    typed = unicodedata.normalize("NFD" if decomposed else "NFC", typed)
    wanted = "out" if word in optout.TWILIO_OUT | optout.OUR_OUT else "in"
    assert optout.asked(typed, {}, opted_out=False) == wanted


@pytest.mark.parametrize("text", ["kòmanse", "rekòmanse", "arrêt", "kanpé"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_however_a_phone_makes_them(text: str, form: str) -> None:
    typed = unicodedata.normalize("NFD" if form == "NFD" else "NFC", text)
    assert optout.asked(typed, {}, opted_out=False) is not None


@given(st.sampled_from(WORDS), st.lists(st.sampled_from("li m mwen tanpri please now la".split()), min_size=1))
def test_more_words_make_it_a_sentence(word: str, more: list[str]) -> None:
    for text in (" ".join([word, *more]), " ".join([*more, word])):
        assert optout.word(text) in WORDS or optout.asked(text, {}, opted_out=False) is None


def test_the_carriers_reading_comes_first() -> None:
    assert optout.asked("STOP li frape m", {"opt_out": "STOP"}, opted_out=False) == "out"
    assert optout.asked("anything", {"opt_out": "START"}, opted_out=True) == "in"
    assert optout.asked("help", {"opt_out": "HELP"}, opted_out=False) is None


def test_the_ledger_keeps_every_change_and_no_repeat(session: Session) -> None:
    inbox.receive(session, Inbound("twilio", "SM1", "sms", "+17675550101", "stop"))
    address = session.scalars(select(Address)).one()
    for action, source in (("out", "a"), ("out", "b"), ("in", "c"), ("in", "d"), ("out", "e")):
        optout.record(session, address, "out" if action == "out" else "in", source)
    session.flush()
    rows = session.execute(select(OptEvent.action, OptEvent.source).order_by(OptEvent.id)).all()
    assert [tuple(row) for row in rows] == [("out", "a"), ("in", "c"), ("out", "e")]
    assert session.scalar(select(func.count()).where(Address.opted_out_at.is_not(None))) == 1
