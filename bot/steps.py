"""The questions after the one about safety: may a person contact you and how, when it is safe, a word to know each
other by. One at a time, answered by number, each skipped with 0; none is a condition for help."""

from collections.abc import Mapping
from dataclasses import dataclass

# A typed answer is taken as the number only when it is the whole message.
_YES = "yes yeah yep wi oui si ye weh text sms ekri ekwi"
_CALL = "call|call me|phone me|rele|rele m|rele mwen|kwiye|kwiye mwen|appelez moi|llameme"
_NO = "no non nope nah awa"
_SKIP = "skip|sote|passer|saltar"


@dataclass(frozen=True)
class Step:
    """One question: its name (what `State.waiting` holds), its phrase, and the codes of its answers from 1 on."""

    name: str
    phrase: str
    codes: tuple[str, ...]
    typed: Mapping[str, str]

    def code(self, word: str) -> str | None:
        """What the whole message answers: a code, "skip", or None. `word` is folded as bot.moves does it."""
        if word == "0" or word in _SKIP.split("|"):
            return "skip"
        if word.isdecimal() and len(word) < 3 and 1 <= int(word) <= len(self.codes):
            return self.codes[int(word) - 1]
        return self.typed.get(word)


WORDS = ("mango", "river", "market", "guitar")
STEPS = (
    Step(
        "contact", "contact_ask", ("text", "call", "no"),
        dict.fromkeys(_YES.split(), "text")
        | dict.fromkeys(_CALL.split("|"), "call")
        | dict.fromkeys(_NO.split(), "no"),
    ),
    Step("when", "when_ask", ("any", "morning", "afternoon", "evening", "after_me"), {}),
    Step("word", "word_ask", WORDS, {word: word for word in WORDS}),
)  # fmt: skip
BY_NAME = {step.name: step for step in STEPS}
# Services named beside these questions are numbered from here: no number then means two things.
AFTER_QUESTIONS = max(len(step.codes) for step in STEPS) + 1


def following(asked: int) -> Step | None:
    """The next question when so many were asked."""
    return STEPS[asked] if asked < len(STEPS) else None
