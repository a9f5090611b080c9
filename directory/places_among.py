"""Whether an ordinary word, or a person's name, is a place by the words around it, in a text whose language is known.

Kweyol and Haitian Creole need no word of place: "m domi yon depo wesle", "granmoun gran fon an", "kay la kraze delis".
A name that is no ordinary word of that language is a place there unless its neighbours say otherwise.
"""

from directory.places_begin import begin_of, tells_of_harm, tells_of_somebody
from directory.places_gazetteer import CREOLES, Begins, Gazetteer

ENGLISH = "en"
FEWEST_WORDS = 3  # of a text in English: a list of names is none of them
FEWEST_BEFORE = 2  # words before a person's name that ends a text as a place


def stands_among(words: list[str], start: int, end: int, language: str | None, gazetteer: Gazetteer) -> bool:
    """Whether the words from `start` to `end`, an ordinary name, are a place by what stands around them."""
    known, name = gazetteer.begins, " ".join(words[start:end])
    if language == ENGLISH:
        return _in_english(words, start, end, gazetteer)
    if language not in CREOLES:
        return False
    if name in known.english or _lived_in(words, start, end, known) or _of_there(words, start, end, gazetteer):
        return True
    if known.is_of_people(name):
        return not _is_a_person(words, start, end, gazetteer)
    return name not in known.stays and not _is_made_a_word(words, start, end, gazetteer)


def _in_english(words: list[str], start: int, end: int, gazetteer: Gazetteer) -> bool:
    """What only places have after the name; or a person's name that is none; or a word of other languages alone."""
    known, name = gazetteer.begins, " ".join(words[start:end])
    person = known.is_of_people(name)
    if name not in known.stays and end < len(words) and words[end] in known.belongs:
        return start > 0 or not person or not tells_of_harm(words, gazetteer)
    if person:
        return start > 0 and _is_no_person(words, start, end, gazetteer)
    if name not in known.foreign or len(words) < FEWEST_WORDS:
        return False
    return words[max(0, start - 1)] not in known.not_ends - known.subjects


def _is_no_person(words: list[str], start: int, end: int, gazetteer: Gazetteer) -> bool:
    """Whether a person's name in an English text is a place: "the wesley number", for no person has an article; "the
    shelter for thibaud"; or at the end of what is said, where nobody is spoken to or told of: "pregnancy check wesley".
    A surname (`wary`) is mostly the village, unless who it is, or what is done to them, stands right before it."""
    known, after = gazetteer.begins, words[end : end + 1]
    if words[start - 1] == "the":
        return bool(after) and after[0] not in known.of_them | known.relates | known.related
    if words[start - 1] == "for" and words[max(0, start - 2)] in known.belongs:
        return True
    if " ".join(words[start:end]) in known.wary and (not after or after[0] not in known.of_them | known.relates):
        return words[start - 1] not in (known.not_ends - known.subjects) | known.signs | known.harms
    if start < begin_of(words, gazetteer) + FEWEST_BEFORE or words[start - 1] in known.not_ends:
        return False
    if after and after[0] not in known.asks:
        return False
    return not tells_of_somebody(words, gazetteer) and (known.spoken_to | known.signs).isdisjoint(words)


def _lived_in(words: list[str], start: int, end: int, known: Begins) -> bool:
    """Somebody lives there, said the other way about: "se masak mwen rete", "rozali se la m rete"."""
    after = words[end : end + 2]
    if after == ["se", "la"]:
        return True
    return words[max(0, start - 1) : start] in ([], ["se"]) and len(after) > 1 and after[1] in known.lives


def _of_there(words: list[str], start: int, end: int, gazetteer: Gazetteer) -> bool:
    """Whether somebody or something is of there: "yon moun masak", "boutik wesli", or with the article that closes it:
    "ekip Wesley a"."""
    known, name, before = gazetteer.begins, " ".join(words[start:end]), words[start - 1] if start else ""
    if name in gazetteer.whole | known.never:
        return False
    person = known.is_of_people(name)
    if before in known.inhabit and not (person and before in known.signs):
        return True
    closed = end < len(words) and words[end] in known.articles
    if name in known.stays or before in known.signs:
        return closed and before in known.dwellers and not person
    return closed and bool(before) and before not in known.not_ends | known.not_nouns


def _is_made_a_word(words: list[str], start: int, end: int, gazetteer: Gazetteer) -> bool:
    """An article or a verb before, or an article or an owner after, make the name the ordinary word: "yon delis",
    "delis mwen"; but in "delis li pa ka leve" it is told of somebody."""
    known, before, after = gazetteer.begins, words[start - 1] if start else "", words[end : end + 2]
    if before in known.not_ends - known.subjects - known.articles:
        return True
    if not after:
        return False
    told = len(after) > 1 and after[1] in known.doing
    return after[0] in gazetteer.not_after | known.articles and not told


def _is_a_person(words: list[str], start: int, end: int, gazetteer: Gazetteer) -> bool:
    """Whether a name that people have is one here: after who it is ("fre mwen wesley") or what is done to people, or
    before what people do; and at the beginning where somebody is spoken to."""
    known = gazetteer.begins
    before, after = words[max(0, start - 2) : start], words[end : end + 1]
    if after and after[0] in known.persons | known.does | known.related | known.of_them:
        closed = len(before) > 1 and before[1] in known.articles and before[0] not in known.signs
        return not (closed and after[0] in known.joins)  # "m kite kay la wesli ak timoun yo"
    if start == begin_of(words, gazetteer):
        called = not after or after[0] in known.selves or not (known.spoken_to - known.does).isdisjoint(words)
        return called or tells_of_harm(words, gazetteer)
    owned = before[-1] in known.subjects | known.articles
    if (before[-2] if owned and len(before) > 1 else before[-1]) in known.signs | known.meets:
        return True
    harmed = before[-1:] if " ".join(words[start:end]) in known.wary else words  # a surname, mostly the village
    return not owned and tells_of_harm(harmed, gazetteer)
