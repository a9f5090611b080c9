"""Each alarm that the code can raise has its entry in the runbook, and the words to copy from there are the code's."""

import re

import pytest

from base.settings import ROOT
from bot.phrases import say
from messaging import optout, queues
from messaging.carrier_errors import RULES, rule
from messaging.segments import segments
from oncall import alarms
from tests.meta.sources import product

TEXT = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"(?m)^### (.+)$", TEXT.partition("\n## Alarms\n")[2])
ENTERED = {name for entry in ENTRIES for name in re.findall(r"`([^`]+)`", entry)}
METRICS = {"koudmen_outbound_unknown", "koudmen_spool_damaged", "koudmen_webhooks_refused_total"}


def watch_faults() -> set[str]:
    """What the watch over the watch can say beside alarms, as it stands in its code."""
    text = product()["oncall/watch.py"]
    fixed = set(re.findall(r'faults\.append\("([^"]+)"\)|return \["([^"]+)"\]', text))
    told = {one or two for one, two in fixed} | set(re.findall(r'f"\{name\} (is silent)"', text))
    assert len(told) >= 3
    return told


def raised() -> set[str]:
    """Every kind that some code gives to `raise_alarm` or `keep`."""
    calls = r'(?:raise_alarm|alarms\.keep|_keep)\(\s*session,\s*"(\w+)"'
    return {kind for text in product().values() for kind in re.findall(calls, text)}


def test_the_search_finds_the_alarms() -> None:
    assert raised() == set(alarms.KINDS)


def test_every_alarm_has_its_entry_and_every_entry_its_alarm() -> None:
    queues_ = {f"koudmen_{name}_alarm" for name in queues.LEVELS}
    codes = {str(code) for code, known in RULES.items() if known.alarm}
    assert rule(99999, 400).alarm, "an unknown code is an alarm too, with an entry of its own"
    assert {*alarms.KINDS, *watch_faults(), *queues_, *codes, *METRICS, "refused with"} == ENTERED
    assert len(ENTRIES) == len(set(ENTRIES))


def test_every_entry_says_what_to_do() -> None:
    for entry in TEXT.partition("\n## Alarms\n")[2].split("\n### ")[1:]:
        assert len(entry.partition("\n")[2].split()) >= 12, entry[:40]


@pytest.mark.parametrize("language", ["en", "ht", "acf"])
def test_the_replies_to_put_into_twilio_are_our_own_words_and_fit_one_sms(language: str) -> None:
    rows = re.findall(rf"(?m)^ +\| {language} \| (.+) \|$", TEXT)
    replies = [re.findall(r"`([^`]+)`", row) for row in rows]
    assert replies[0] == [say(language, "opted_out"), say(language, "opted_in")]
    assert len(replies[1]) == 1
    for text in (*replies[0], *replies[1]):
        assert segments(text) == 1, text


@pytest.mark.parametrize("language", ["en", "ht", "acf"])
def test_the_templates_to_submit_are_our_own_words(language: str) -> None:
    assert f"`koudmen_knock_{language}`" in TEXT
    assert f"`{say(language, 'knock')}`" in TEXT


def test_every_keyword_to_put_into_twilio_is_one_that_we_know_and_all_of_ours_are_listed() -> None:
    rows = TEXT.partition("| language | opt-out | opt-in |")[2].partition("\n\n")[0].splitlines()[2:]
    out, back = (
        {word.lower() for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[column])} for column in (2, 3)
    )
    assert (out, back) == (set(optout.OUR_OUT), set(optout.OUR_IN))
