"""Looks a message up in every language's phrases and weighs what it finds."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from bot.normalise import normalise
from bot.safety.lexicon import CONCERNS, SEVERITIES, Lexicon, Rule, load
from bot.safety.pattern import Pattern

FOLDER = Path(__file__).parent / "phrases"
LANGUAGES = ("en", "ht", "acf", "fr", "es")
NAMES = {"en": "English", "ht": "Haitian Creole", "acf": "Kweyol", "fr": "French", "es": "Spanish"}
_SPELLING = {"en": "en", "ht": "ht", "acf": "ht", "fr": "fr", "es": "fr"}  # which normalised form a file is read in
_SPELLINGS = frozenset(_SPELLING.values())
_OUTSIDE = 10  # words around a longer harmless phrase beyond which the person is asked gently all the same
_BEFORE, _AFTER = 25, 45  # characters around a phrase in which its `unless` is looked for


@dataclass(frozen=True)
class Finding:
    """One phrase heard: concern and severity of taxonomy.yml, the rule's id, its language, the normalised words."""

    concern: str
    severity: str
    phrase_id: str
    language: str
    matched: str


@dataclass(frozen=True)
class SafetyReading:
    """What the lexicon heard, worst first. `asks` are unclear but not clearly harmless: ask gently."""

    findings: tuple[Finding, ...] = ()
    asks: tuple[Finding, ...] = ()

    @property
    def top(self) -> Finding | None:
        """The worst finding, or None."""
        return self.findings[0] if self.findings else None


@cache
def lexicons() -> tuple[Lexicon, ...]:
    """Every language's phrases, read once. Raises LexiconError naming file and line when a file is wrong."""
    return tuple(load(FOLDER / f"{language}.yml") for language in LANGUAGES)


def read(text: str, language: str | None = None) -> SafetyReading:
    """What a message tells of harm. `language` is the language it is surely in, or None. Never raises on any text."""
    forms = {spelling: f" {normalise(text, spelling)} " for spelling in _SPELLINGS}
    words = {spelling: frozenset(form.split()) for spelling, form in forms.items()}
    findings: list[Finding] = []
    asks: list[Finding] = []
    for lexicon in lexicons():
        spelling = _SPELLING[lexicon.language]
        heard, unclear = _hear(lexicon, forms[spelling], words[spelling])
        if lexicon.language == "acf" and language == "ht" and lexicon.own.isdisjoint(words[spelling]):
            heard, unclear = [], unclear + heard
        findings += heard
        asks += unclear
    return SafetyReading(_worst_first(findings), _worst_first(asks))


def is_critical(concern: str, text: str) -> bool:
    """Whether the words around a concern make it critical, by `critical_if` of the phrase files. Never raises."""
    forms = {spelling: f" {normalise(text, spelling)} " for spelling in _SPELLINGS}
    return any(
        shift.to is None and concern in shift.concerns and _any(shift.any, forms[_SPELLING[lexicon.language]])
        for lexicon in lexicons()
        for shift in lexicon.shifts
    )


def explain(reading: SafetyReading) -> str:
    """For staff: which phrases were heard and what was made of them, a line each."""
    lines = [_line("heard", finding) for finding in reading.findings] + [_line("unclear", ask) for ask in reading.asks]
    return "\n".join(lines) or "No phrase of the safety lexicon stands in this message."


def _line(how: str, finding: Finding) -> str:
    where = f"{NAMES[finding.language]}, phrase {finding.phrase_id}"
    return f"{how}: {finding.concern} ({finding.severity}): '{finding.matched}' ({where})"


def _hear(lexicon: Lexicon, text: str, words: Set[str]) -> tuple[list[Finding], list[Finding]]:
    heard: list[Finding] = []
    unclear: list[Finding] = []
    done: set[str] = set()
    for rule, pattern in lexicon.candidates(words):
        if rule.id in done:
            continue
        sure, matched = _judge(lexicon, rule, pattern, text)
        if matched:
            found = Finding(rule.concern, rule.severity, rule.id, lexicon.language, matched)
            told = sure and not rule.ask and not _asked(lexicon, text)
            (heard if told else unclear).append(found)
            if sure:
                done.add(rule.id)
    return ([_shifted(lexicon, finding, text) for finding in heard], unclear)


def _judge(lexicon: Lexicon, rule: Rule, pattern: Pattern, text: str) -> tuple[bool, str]:
    """Whether the phrase is said (True), or denied or perhaps harmless (False), and the words; no words when it is not
    there or harmless."""
    denied = ""
    for start, end in pattern.spans(text):
        if _any((*rule.unless, *lexicon.harmless), _around(text, start, end)):
            continue
        matched, outside = text[start:end].strip(), _outside(lexicon, rule, text, start, end)
        if outside is not None and outside <= _OUTSIDE:
            continue
        if outside is None and not _negated(lexicon, pattern, text, start, end):
            return True, matched
        denied = denied or matched
    return False, denied


def _outside(lexicon: Lexicon, rule: Rule, text: str, start: int, end: int) -> int | None:
    """How many words stand around the longer harmless phrase (`part_of`) in which the whole phrase stands; None where
    it stands in none, or where a word of `telling` around it says that harm is told all the same."""
    spans = [span for longer in rule.part_of for span in longer.spans(text) if span[0] <= start and end <= span[1]]
    around = [(text[:first] + " " + text[last:]).split() for first, last in spans]
    return min((len(words) for words in around if lexicon.telling.isdisjoint(words)), default=None)


def _asked(lexicon: Lexicon, text: str) -> bool:
    """Whether the message asks about a service or a law and speaks of nobody in particular."""
    return lexicon.speaker.isdisjoint(text.split()) and _any(lexicon.asking, text)


def _around(text: str, start: int, end: int) -> str:
    """The text around a phrase, in whole words, padded."""
    left = text.rfind(" ", 0, max(start - _BEFORE, 1))
    right = text.find(" ", min(end + _AFTER, len(text) - 1))
    return text[max(left, 0) : right + 1]


def _negated(lexicon: Lexicon, pattern: Pattern, text: str, start: int, end: int) -> bool:
    """A negation inside the phrase or within the two words before it, unless the phrase itself speaks with one."""
    if pattern.literal & lexicon.negation:
        return False
    span = [*text[:start].split()[-2:], *text[start:end].split()]
    return not lexicon.negation.isdisjoint(span) and not _any(lexicon.not_negation, f" {' '.join(span)} ")


def _any(patterns: Iterable[Pattern], text: str) -> bool:
    return any(pattern.stands(text) for pattern in patterns)


def _shifted(lexicon: Lexicon, finding: Finding, text: str) -> Finding:
    """The finding with what the rest of the message says of it: a child, an old person, a weapon, now."""
    for shift in lexicon.shifts:
        if finding.concern in shift.concerns and _any(shift.any, text):
            finding = replace(finding, concern=shift.to) if shift.to else replace(finding, severity="critical")
    return finding


def _worst_first(findings: list[Finding]) -> tuple[Finding, ...]:
    def rank(finding: Finding) -> tuple[int, int, int]:
        return -SEVERITIES.index(finding.severity), CONCERNS.index(finding.concern), -len(finding.matched)

    return tuple(sorted(findings, key=rank))
