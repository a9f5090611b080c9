"""What a message means: language, safety, intent, need, place and details, from two readers that do not know each
other. The lexicon (bot.safety) and Rasa each may raise a concern; only both together may stay silent. With Rasa away
the weights of single words (bot.harm_words) stand in for it."""

from dataclasses import dataclass, field
from typing import Any

from base.settings import Understanding as Rules
from bot import details, harm_words, keywords, safety
from bot.language import LanguageGuess, detect
from bot.normalise import normalise
from bot.rasa import Parsed
from directory.places import Place, find_place

SEVERITY_OF = {"danger": "critical", "discrimination": "standard"}  # every other concern is high (taxonomy.yml)
FEWEST_WORDS = 3
# The model alone on a long text: it learnt disclosures of 8 to 16 words, so every long text looks like one. On real
# messages and on training disclosures held out (docs/evaluation/notes.md) this saved 37 false alarms of 64 and left 5
# disclosures of 2000 to a gentle question.
SHORT_WORDS, PER_WORD, SUREST = 12, 0.04, 0.99
SURELY_DISABILITY = 0.95  # "my son is deaf, is there a school for him": told beside another need it is well below
# A need that leads is answered from LIKELY up where it is likely enough that something is asked for.
LIKELY, ASKED = 0.3, 0.6
FIRST = frozenset({"danger", "self_harm"})
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
    `why` explains the decision to staff. `half`: only the lexicon read it, for Rasa did not answer, and it may tell of
    harm all the same.
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
    place = find_place(seen.normal)
    told = _second_reader(seen, parsed, place)
    concern, severity, heard_by, gentle, why = _concern(seen, told, rules)
    if concern:
        intent, source = "disclose", heard_by
        confidence = max(told.score, told.alone or 0.0, 0.9 if heard_by in ("lexicon", "both") else 0.0)
    return Reading(
        language, seen.language.sure, intent, need, concern, severity, confidence, source,
        place, gentle and not concern, details.find(seen.normal), why,
        half=parsed is None and not concern and _may_tell(seen, place),
    )  # fmt: skip


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
    words = [word for word in seen.normal.split() if not word.isdigit()]
    return len(words) - (len(place.name.split()) if place else 0) >= FEWEST_WORDS


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
    """Whether the model took how somebody lives for what they ask: "a doctor in Roseau, i use a wheelchair"."""
    told = parsed.need == "disability" and parsed.need_confidence < SURELY_DISABILITY
    other = typed.need not in {None, "disability"}
    return told and other and "lives_with" in details.find(seen.normal)


def _concern(seen: Glance, told: _Told, rules: Rules) -> tuple[str | None, str | None, str, bool, tuple[str, ...]]:
    """Concern, severity, who heard it, whether to ask gently, and why."""
    top = seen.safety.top
    score = told.score if told.concern else 0.0
    alone = told.by == "model" and not (top or seen.safety.asks)
    second = told.concern if (_raised_alone(seen, told, rules) if alone else score >= rules.concern) else None
    why = [f"phrase {finding.phrase_id} ({finding.concern})" for finding in seen.safety.findings]
    if told.concern and score >= rules.gentle:
        why.append(f"{'model' if told.by == 'model' else 'words'} {told.concern} {score:.2f}")
    if top:
        severity = top.severity
        if second and RANK[_severity(seen, second)] > RANK[severity]:
            severity = _severity(seen, second)
        both = "both" if second and told.by == "model" else "lexicon"
        return _which(seen, top.concern, second), severity, both, False, tuple(why)
    if second:
        return second, _severity(seen, second), told.by, False, tuple(why)
    doubted = (told.alone or 0.0) >= rules.gentle
    gentle = bool(seen.safety.asks) or score >= rules.gentle or doubted
    why += [f"model second look {told.alone:.2f}"] if doubted else []
    why += [f"unclear phrase {finding.phrase_id}" for finding in seen.safety.asks]
    return None, None, "none", gentle, tuple(why)


def _raised_alone(seen: Glance, told: _Told, rules: Rules) -> bool:
    """Whether the model raises a concern when no phrase tells of one: by its second look, which knows the length;
    without one by its score, which must be higher in a long text. If not, the person is asked gently, and a person of
    the staff reads the message."""
    if told.alone is not None:
        return told.alone >= rules.concern
    extra = len(seen.normal.split()) - SHORT_WORDS
    return told.score >= max(rules.concern, min(SUREST, rules.concern + PER_WORD * extra))


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


def _severity(seen: Glance, concern: str) -> str:
    """How fast a concern that the model hears must be answered: its usual severity, and critical where the words tell
    of now, a weapon, no way out (`critical_if` of the phrase files), as for one that a phrase tells of."""
    if safety.is_critical(concern, seen.text):
        return "critical"
    return SEVERITY_OF.get(concern, "high")
