"""What a message means: language, safety, intent, need, place and details, from two readers that do not know each
other. The lexicon (bot.safety) and Rasa each may raise a concern; only both together may stay silent. Where the lexicon
alone hears something that costs no life, and Rasa is sure that it is nothing, the person is asked gently. With Rasa
away the weights of single words (bot.harm_words) stand in for it."""

import re
from dataclasses import dataclass, field
from typing import Any

from base.settings import Understanding as Rules
from bot import details, harm_words, keywords, safety
from bot.language import LanguageGuess, detect
from bot.normalise import normalise, plain_words
from bot.rasa import Parsed
from directory.places import (
    Place,
    find_place,
    find_standing_first,
    find_standing_last,
    find_written_large,
    may_be_no_place,
)

SEVERITY_OF = {"danger": "critical", "discrimination": "standard"}  # every other concern is high (taxonomy.yml)
FEWEST_WORDS = 3
# Who says a name tells nothing yet ("non mwen se Mawi" is no husband). Not "yo rele mwen ...": that may be an insult.
INTRODUCED = re.compile(r"^(?:my name(?: is)?|mi name(?: is)?|i name|non mwen(?: se)?|je m appelle|me llamo)\b")
# The model alone on a long text: it learnt disclosures of 8 to 16 words, so every long text looks like one. On real
# messages and on training disclosures held out (docs/evaluation/notes.md) this saved 37 false alarms of 64 and left 5
# disclosures of 2000 to a gentle question.
SHORT_WORDS, PER_WORD, SUREST = 12, 0.04, 0.99
# A place that ends a text: what parts it from the rest, its words at most, and the words before it at least; and who
# writes is no place.
APART, MOST_APART, MOST_FIRST, FEWEST_BEFORE, EXACT = re.compile(r"[,.;!?\n]+"), 3, 4, 3, 100
FIRST_APART = re.compile(r"[,.;:!?\n]+|\s[-\u2013\u2014]+\s")  # what parts a place from the text that it begins
TYPED = {"en": "de", "acf": "mon"}  # words of names that the normaliser takes for others: "ans de mai", "mon jon"
SIGNED = re.compile(
    r"\b(?:thanks?|mesi|merci|regards|names?|non|called|rele|husband|boss|boyfriend|mari|mennaj|patwon)\b"
)
SURELY_DISABILITY = 0.95  # "my son is deaf, is there a school for him": told beside another need it is well below
SURELY_WORK = 0.95  # "a work permit": a paper, though the model may hear the work it is for...
PERMIT = re.compile(r"\b(?:permits?|permis|permisos?|permi|pemi)\b")  # ...but "work without papers" is about work
# A need that leads is answered from LIKELY up where it is likely enough that something is asked for.
LIKELY, ASKED = 0.3, 0.5
# With Rasa away, where no phrase tells of harm, the weights of words raise a concern from WORDS_ALONE up; from
# WORDS_OF_FEW in a text of few words, which weigh much each; from WORDS_ASKED where a phrase is unclear, for then the
# person is asked gently all the same (docs/evaluation/notes.md, "With Rasa away").
# A text of few words that may cost a life is held to little more than a long one.
WORDS_ALONE, FEW_WORDS, WORDS_OF_FEW, WORDS_OF_LIFE, WORDS_ASKED = 0.75, 8, 0.98, 0.8, 0.9
FIRST = frozenset({"danger", "self_harm"})
FEWEST_TO_QUIET = 6  # words: in fewer, what a phrase says is all there is to say (docs/decisions/0015)
RANK = {"standard": 0, "high": 1, "critical": 2}


@dataclass(frozen=True)
class Glance:
    """What can be told without Rasa: made first, needs no network."""

    text: str
    normal: str
    language: LanguageGuess
    safety: safety.SafetyReading


@dataclass(frozen=True)
class _Told:
    """What the second reader hears: a concern, how sure (0 to 1), and who it is: `model`, or `keywords` (Rasa away).
    `alone`: how sure at a second look, which counts where no phrase tells of harm (None: none was taken)."""

    concern: str | None
    score: float
    by: str
    alone: float | None = None


@dataclass(frozen=True)
class Reading:
    """One message understood.

    `intent` is `find`, `disclose` or a plain intent of taxonomy.yml. `confidence` is between 0 and 1; `source` says
    who decided (model, lexicon, both, keywords, none). `gentle`: perhaps a disclosure, to be asked about gently.
    `why` explains the decision to staff. `half`: Rasa did not answer, and it may tell of harm, or of a worse
    one, all the same: of what the lexicon alone has read, all but what it pages for.
    """

    language: str | None
    language_sure: bool
    intent: str
    need: str | None
    concern: str | None
    severity: str | None
    confidence: float
    source: str
    place: Place | None = None
    gentle: bool = False
    details: frozenset[str] = frozenset()
    why: tuple[str, ...] = field(default=())
    half: bool = False

    def as_json(self) -> dict[str, Any]:
        """The codes, for staff and for the stored reading (no words of the texter)."""
        return {
            "language": self.language, "intent": self.intent, "need": self.need, "concern": self.concern,
            "severity": self.severity, "confidence": round(self.confidence, 3), "source": self.source,
            "place": self.place.name if self.place else None, "gentle": self.gentle,
            "details": sorted(self.details), "why": list(self.why),
        }  # fmt: skip


def glance(text: str, previous: str | None) -> Glance:
    """The first look: language (sticking to `previous` when unsure), normalised text, the lexicon's reading."""
    guess = detect(text, previous)
    language = guess.code or previous
    return Glance(text, normalise(text, language), guess, safety.read(text, language))


def read(seen: Glance, parsed: Parsed | None, rules: Rules) -> Reading:
    """Both readers' findings put together."""
    language = seen.language.code
    intent, need, confidence, source = _topic(seen, parsed, rules)
    named = find_place(seen.normal, language)
    place = named or _place_as_typed(seen) or _place_apart(seen) or _place_first(seen) or find_written_large(seen.text)
    told = _second_reader(seen, parsed, named)
    concern, severity, heard_by, gentle, why = _concern(seen, told, rules)
    if concern:
        intent, source = "disclose", heard_by
        confidence = max(told.score, told.alone or 0.0, 0.9 if heard_by in ("lexicon", "both") else 0.0)
    return Reading(
        language, seen.language.sure, intent, need, concern, severity, confidence, source,
        place, gentle and not concern, details.find(seen.normal), why,
        half=parsed is None and (severity in {None, "standard"} or heard_by == "keywords") and _may_tell(seen, named),
    )  # fmt: skip


def _place_apart(seen: Glance) -> Place | None:
    """A place that ends the text by itself ("i need food for two, wesley"), as many do: its very name, also one that is
    an ordinary word. Not the last of a list, and not who signs or is named."""
    *before, last = [part for part in APART.split(seen.text) if part.strip()] or [""]
    if (
        not before
        or len(last.split()) > MOST_APART
        or len(before[-1].split()) < FEWEST_BEFORE
        or SIGNED.search(seen.normal)
    ):
        return None
    return find_standing_last(normalise(last, seen.language.code), " ".join(before), seen.language.code)


def _place_as_typed(seen: Glance) -> Place | None:
    """A place of whose very name the normaliser made other words."""
    word = TYPED.get(seen.language.code or "")
    if word is None or word not in plain_words(seen.text):
        return None
    place = find_place(seen.text, seen.language.code)
    return place if place and place.score == EXACT else None


def _place_first(seen: Glance) -> Place | None:
    """A place that begins the text by itself: "clifton - one bus a day"."""
    head, *rest = FIRST_APART.split(seen.text, maxsplit=1)
    if not rest or len(head.split()) > MOST_FIRST or len(rest[0].split()) < FEWEST_BEFORE:
        return None
    return find_standing_first(head, rest[0])


def _second_reader(seen: Glance, parsed: Parsed | None, place: Place | None) -> _Told:
    """What the model hears, or the words where Rasa is away. Without a phrase only where it can tell harm: not in a
    number, and not in one or two words beside a place (an answer to a question of ours). Short cries for help are the
    lexicon's."""
    by = "model" if parsed else "keywords"
    if not seen.safety.top and not _may_tell(seen, place):
        return _Told(None, 0.0, by)
    if parsed is None:
        return _Told(*harm_words.guess(seen.normal), by)
    return _Told(parsed.concern, parsed.concern_confidence, by, parsed.concern_alone)


def _may_tell(seen: Glance, place: Place | None) -> bool:
    """Whether words enough are left without numbers, the place and "my name is". A name that may be a person's counts:
    "uncle touching rosalie" tells of harm."""
    words = [word for word in INTRODUCED.sub("", seen.normal).split() if not word.isdigit()]
    named = len(place.name.split()) if place and not may_be_no_place(seen.normal) else 0
    return len(words) - named >= FEWEST_WORDS


def _topic(seen: Glance, parsed: Parsed | None, rules: Rules) -> tuple[str, str | None, float, str]:
    """Intent, need, confidence and who said so. A keyword that is the whole message (our replies teach such words),
    else the model where it is sure, else keywords, else the need that leads where surely something is asked for."""
    typed = keywords.find(seen.normal)
    if parsed is None or (typed and typed.confidence >= keywords.WHOLE):
        return (typed.intent, typed.need, typed.confidence, "keywords") if typed else ("other", None, 0.0, "none")
    if typed and _beside(seen, parsed, typed):
        return "find", typed.need, typed.confidence, "keywords"
    need = parsed.need if parsed.need_confidence >= rules.sure else None
    if parsed.intent == "find" and not need and typed and typed.need:
        return "find", typed.need, typed.confidence, "keywords"
    enough = len(seen.normal.split()) >= FEWEST_WORDS  # a word or two ("look") lead the model anywhere
    sure = parsed.intent == "find" and parsed.intent_confidence >= ASKED and parsed.need_confidence >= LIKELY
    if sure and enough:
        need = parsed.need
    if parsed.intent == "find" or (parsed.intent == "disclose" and need):
        return (
            ("find", need, parsed.need_confidence, "model") if need else ("other", None, parsed.need_confidence, "none")
        )
    if parsed.intent == "disclose":
        return (typed.intent, typed.need, typed.confidence, "keywords") if typed else ("other", None, 0.0, "none")
    if parsed.intent_confidence >= rules.sure and (parsed.intent != "other" or not typed):
        return parsed.intent, need, parsed.intent_confidence, "model"
    if typed:
        return typed.intent, typed.need, typed.confidence, "keywords"
    return "other", None, parsed.intent_confidence, "none"


def _beside(seen: Glance, parsed: Parsed, typed: keywords.Hit) -> bool:
    """Whether the model took how somebody lives for what they ask ("a doctor in Roseau, i use a wheelchair"), or what a
    paper is for ("a work permit")."""
    if parsed.need == "work" and typed.need == "documents":
        return parsed.intent == "find" and parsed.need_confidence < SURELY_WORK and bool(PERMIT.search(seen.normal))
    told = parsed.need == "disability" and parsed.need_confidence < SURELY_DISABILITY
    other = typed.need not in {None, "disability"}
    return told and other and "lives_with" in details.find(seen.normal)


def _concern(seen: Glance, told: _Told, rules: Rules) -> tuple[str | None, str | None, str, bool, tuple[str, ...]]:
    """Concern, severity, who heard it, whether to ask gently, and why. Beside a phrase, also an unclear one, the
    model's score is word enough."""
    top = seen.safety.top
    score = told.score if told.concern else 0.0
    alone = not top and _raised_alone(seen, told, rules)
    beside = score >= rules.concern and (top or (seen.safety.asks and told.by == "model"))
    second = told.concern if alone or beside else None
    why = [f"phrase {finding.phrase_id} ({finding.concern})" for finding in seen.safety.findings]
    if told.concern and score >= rules.gentle:
        why.append(f"{'model' if told.by == 'model' else 'words'} {told.concern} {score:.2f}")
    if _surely_harmless(seen, told, rules):
        return None, None, "none", True, (*why, f"model second look {told.alone:.2f}: surely harmless, asked gently")
    if top:
        severity = top.severity
        if second and RANK[_severity(seen, second)] > RANK[severity]:
            severity = _severity(seen, second)
        both = "both" if second and told.by == "model" else "lexicon"
        return _which(seen, top.concern, second), severity, both, False, tuple(why)
    if second:
        return second, _severity(seen, second, by_words=told.by == "keywords"), told.by, False, tuple(why)
    doubted = (told.alone or 0.0) >= rules.gentle
    gentle = bool(seen.safety.asks) or score >= rules.gentle or doubted
    why += [f"model second look {told.alone:.2f}"] if doubted else []
    why += [f"unclear phrase {finding.phrase_id}" for finding in seen.safety.asks]
    return None, None, "none", gentle, tuple(why)


def _surely_harmless(seen: Glance, told: _Told, rules: Rules) -> bool:
    """Whether a phrase stands in a text of which the model is sure, at its second look, that nothing is told: the
    texter is then asked gently, and a person of the staff reads the message. Never where it may cost a life."""
    if told.alone is None or told.alone >= rules.surely_harmless or told.score >= rules.concern:
        return False
    if len(seen.normal.split()) < FEWEST_TO_QUIET:
        return False
    heard = seen.safety.findings
    return bool(heard) and not any(one.severity == "critical" or one.concern in FIRST for one in heard)


def _raised_alone(seen: Glance, told: _Told, rules: Rules) -> bool:
    """Whether the second reader raises a concern when no phrase tells of one: the model by its second look, which knows
    the length; without one by its score, which must be higher in a long text; the words (Rasa away) by theirs, which
    must be higher in a short one. If not, the person is asked gently, and a person of the staff reads the message."""
    if told.by == "keywords":
        return told.score >= _least_of_words(seen, told.concern)
    if told.alone is not None:
        return told.alone >= rules.second_look
    extra = len(seen.normal.split()) - SHORT_WORDS
    return told.score >= max(rules.concern, min(SUREST, rules.concern + PER_WORD * extra))


def _least_of_words(seen: Glance, concern: str | None) -> float:
    if len(seen.normal.split()) <= FEW_WORDS:
        return WORDS_OF_LIFE if concern in FIRST else WORDS_OF_FEW
    return WORDS_ASKED if seen.safety.asks else WORDS_ALONE


def _which(seen: Glance, worst: str, model: str | None) -> str:
    """Of several concerns that phrases tell of, the one that the model hears too (the severity stays the worst), but
    never instead of a danger to life, or of a child where a child is spoken of. A danger that is the texter's own
    hand is self-harm."""
    heard = {one.concern for one in seen.safety.findings}
    if worst == "danger" and model == "self_harm" and model in heard:
        return model
    if worst in FIRST or (worst == "child_abuse" and "child" in details.find(seen.normal)):
        return worst
    return next((one.concern for one in seen.safety.findings if one.concern == model), worst)


def _severity(seen: Glance, concern: str, *, by_words: bool = False) -> str:
    """How fast a concern that the model hears must be answered: its usual severity, and critical where the words tell
    of now, a weapon, no way out (`critical_if` of the phrase files), as for one that a phrase tells of. Words by
    themselves (Rasa away) name the harm badly: none waits for office hours on their word."""
    if safety.is_critical(concern, seen.text):
        return "critical"
    return "high" if by_words and SEVERITY_OF.get(concern) == "standard" else SEVERITY_OF.get(concern, "high")
