"""Whether a text begins, or ends, with a place whose name is an ordinary word or a person's: "good hope we thirsty"."""

from directory.places_gazetteer import Gazetteer

UTILITY_WITHIN = 4  # words: "wesli pa ni kouwan", "clifton still have no water"
TOLD_WITHIN = 3  # words of a question in which "you" speaks to the person named


def begin_of(words: list[str], gazetteer: Gazetteer) -> int:
    """The first word that is no greeting."""
    start = 0
    while start < len(words):
        if words[start] in gazetteer.begins.greetings:
            start += 1
        elif " ".join(words[start : start + 2]) in gazetteer.begins.greetings:
            start += 2
        else:
            break
    return start


def begins(words: list[str], start: int, end: int, gazetteer: Gazetteer) -> bool:
    """Whether what follows a name that begins a text (words `start` to `end`) shows that a place is meant: a question,
    what places have ("maho famasi"), what they lack, or a new sentence. More is asked of a person's name, which a
    person's doings may follow; of some ordinary words ("chance") nothing is enough."""
    known, name, after = gazetteer.begins, " ".join(words[start:end]), words[end : end + UTILITY_WITHIN]
    if not after or not (name in known.words or name in known.people):
        return False
    if name in known.people | known.wary and tells_of_somebody(words[:start] + words[end:], gazetteer):
        return _seeks(words[end:], gazetteer)
    if after[0] in known.has or _asked(after, gazetteer) or _lacks(after, gazetteer):
        return True
    if name in known.people or (name in known.wary and after[0] in known.selves):
        return _seeks(words[end:], gazetteer)
    return _says(after, gazetteer) or after[0] in known.then or " ".join(after[:2]) in known.then


def ends_what_is_said(words: list[str], start: int, end: int, gazetteer: Gazetteer) -> bool:
    """Whether the words from `start` to `end` may end what is said, as a place does: nothing before makes them ordinary
    words, and nobody is named. A person's name never does: "i fraid wesley"."""
    known, name = gazetteer.begins, " ".join(words[start:end])
    if name not in known.ends or words[start - 1] in known.not_ends:
        return False
    return name not in known.wary or not (
        tells_of_somebody(words, gazetteer) or not known.signs.isdisjoint(words[:start])
    )


def stands_first(head: list[str], rest: list[str], gazetteer: Gazetteer) -> bool:
    """Whether a name that a comma or a stop parts from the rest is a place: not a person who is spoken to or of, and
    not an ordinary word that people begin with ("chance, they say")."""
    known, name = gazetteer.begins, " ".join(head)
    if name in known.people | known.wary:
        return _supplied(rest, gazetteer) and not tells_of_somebody(rest, gazetteer)
    return name in known.words or name not in gazetteer.common


def stands_last(last: list[str], before: list[str], gazetteer: Gazetteer) -> bool:
    """Whether a name that a comma or a stop parts from what stands before is a place: a person's is none where that
    person is spoken to, or who it is was said ("i fraid my stepfather, wesley")."""
    known = gazetteer.begins
    if " ".join(last) not in known.people | known.wary:
        return True
    return bool(before) and before[-1] not in known.signs and known.spoken_to.isdisjoint(before)


def is_event(name: str, words: list[str], gazetteer: Gazetteer, *, led: bool = False) -> bool:
    """Whether the words tell of an event called as a settlement is: "massacre, they kill my family in haiti"; after a
    word of place (`led`: "he go kill me, i live in massacre") only where they name another country."""
    known = gazetteer.begins
    if name.lower() not in known.events:
        return False
    return not (known.elsewhere if led else known.elsewhere | known.happens).isdisjoint(words)


def tells_of_harm(words: list[str], gazetteer: Gazetteer) -> bool:
    """Whether the words tell of what people do to each other."""
    return not gazetteer.begins.harms.isdisjoint(words)


def tells_of_somebody(words: list[str], gazetteer: Gazetteer) -> bool:
    """Whether one person is told of, or harm: then a person's name is a person."""
    known = gazetteer.begins
    if not (known.persons | known.harms).isdisjoint(words):
        return True
    return any(
        word == "i" and known.may.isdisjoint((*words[max(0, at - 1) : at], *words[at + 1 : at + 2]))
        for at, word in enumerate(words)
    )


def _seeks(after: list[str], gazetteer: Gazetteer) -> bool:
    """Who writes says what they are after, to nobody by name and of nobody: "rosalie i need a lawyer"."""
    known, then = gazetteer.begins, after[1:]
    if not after or after[0] not in known.selves or known.seeks.isdisjoint(then[:2]):
        return False
    return known.spoken_to.isdisjoint(then) and not tells_of_somebody(then, gazetteer)


def _supplied(rest: list[str], gazetteer: Gazetteer) -> bool:
    """What places have is spoken of first, or what they are supplied with, and how little: "one bus a day"; "dlo m
    kase" is a woman's."""
    known = gazetteer.begins
    at, told = next(((at, w) for at, w in enumerate(rest) if w not in known.lacking | known.counts), (0, ""))
    return told in known.has or (at > 0 and told in known.supplies)


def _asked(after: list[str], gazetteer: Gazetteer) -> bool:
    """A question, but not one to the person of that name ("wesley where you is"), nor what is told of them ("wesli ki
    nan lopital")."""
    known, then = gazetteer.begins, after[1 : 1 + TOLD_WITHIN]
    if after[0] in known.related and (not then or then[0] in known.of_them | known.doing | known.relates):
        return False
    return after[0] in known.asks and known.told.isdisjoint(then)


def _lacks(after: list[str], gazetteer: Gazetteer) -> bool:
    """Nothing of what a place is supplied with: "pa ni kouwan", "have no bus"."""
    first = next((at for at, word in enumerate(after) if word in gazetteer.begins.supplies), 0)
    return bool(first) and not gazetteer.begins.lacking.isdisjoint(after[:first])


def _says(after: list[str], gazetteer: Gazetteer) -> bool:
    """Who writes speaks of themselves: "mwen ap fouye", "i need"; "delis mwen" alone is my delight."""
    return len(after) > 1 and after[0] in gazetteer.begins.selves and after[1] in gazetteer.begins.doing
