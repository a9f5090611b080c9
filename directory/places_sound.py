"""How a name sounds to a Creole ear: English, French and Creole spellings of one sound get one key.

A speaker of Haitian Creole or Kweyol writes a place as it is heard: "mayo" for Mahaut, "nyoutaun" for Newtown. Each
word is read as French, as English and as Creole; two spellings sound alike when any two readings agree. The rules are
the spelling rules of the three languages, made coarse on purpose: r and w are one sound (Kweyol has w for r), z is s,
glides between vowels are nothing.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from rapidfuzz.distance import OSA

SAINTS = frozenset({"saint", "sainte", "st", "ste", "sen", "sent", "sint", "sin"})
SKELETON_FROM = 5  # consonants; with fewer, too many words share them
VOWELS_APART = 3  # slips allowed between two keys whose consonants agree
_Rules = tuple[tuple[re.Pattern[str], str], ...]


def _rules(lines: str) -> _Rules:
    """Lines of 'pattern replacement'; a lone pattern is dropped from the word. Applied in order."""
    pairs = (line.split() for line in lines.strip().splitlines())
    return tuple((re.compile(pair[0]), pair[1] if len(pair) > 1 else "") for pair in pairs)


_FRENCH = _rules("""
tch C
ch C
ph f
h
eaux?$ o
eau o
a[iy](?=[^aeiouy]|$) e
ey$ e
au(?:lt|ts?|x|d)?$ o
au o
oi wa
oe we
ou U
eur?$ e
eu e
vill?es? vil
ill(?=[eao]) iy
gn ny
qu k
c(?=[eiy]) s
g(?=[eiy]) j
ge(?=[ao]) j
(?<=[aeioUy])s(?=[aeioUy]) z
u i
(?<=n)[ctdg]s?$
(?<=[aeiou])[tdsxz]+$
(?<=[^aeiouU])es?$
ie$ i
[ei]n(?=[^naeiouUy]|$) en
""")
_ENGLISH = _rules("""
tch C
[cs]h C
ph f
stle sl
gh
c(?=[eiy]) s
ie(?=ld) i
ew(?=[^aeiouy]|$) iU
ow aU
ou(?=[ntdls]) aU
oo U
ee i
ea e
a([^aeiouyrwh])e$ e\\1
i([^aeiouyrwh])e$ ai\\1
o([^aeiouyrwh])e$ o\\1
u([^aeiouyrwh])e$ U\\1
ill?e i
h
ge$ j
(?<=[^aeiou])e(?=s?$)
ey$ i
ie$ i
y$ i
""")
_CREOLE = _rules("""
ch C
h
ou U
u U
""")
_SAME = _rules("""
^[jg]+(?=[eio]) j
dj j
tC C
ck k
[cq] k
x ks
z s
th t
(?<=m)[pb](?=[bps])
m(?=[^aeioUumy]) n
[rw]+(?=[^aeioUuy]|$)
(?<=[aeioUuy])(?:y(?=[aeioUu])|w(?=[oU]))
(?<=[aoU])i(?=[aeoU])
r w
y i
(.)\\1+ \\1
^es(?=[kptlmn]) s
""")


def _apply(word: str, rules: _Rules) -> str:
    for pattern, put in rules:
        word = pattern.sub(put, word)
    return word


@lru_cache(maxsize=20_000)
def readings(word: str, *, creole: bool = False) -> frozenset[str]:
    """The keys of one word (lower case, no accents); `creole`: its spelling is known to be Creole."""
    if word in SAINTS:
        return frozenset({"sen"})
    words = {word, word.replace("th", "f"), word.replace("w", "r")}
    ways = (_CREOLE,) if creole else (_FRENCH, _ENGLISH, _CREOLE)
    return frozenset(_apply(_apply(one, rules), _SAME) for one in words for rules in ways)


@lru_cache(maxsize=20_000)
def keys(words: tuple[str, ...], *, creole: bool = False) -> frozenset[str]:
    """The keys of several words said together."""
    *before, last = words
    return with_word(keys(tuple(before), creole=creole) if before else ("",), last, creole=creole)


def with_word(heads: Iterable[str], word: str, *, creole: bool = False) -> frozenset[str]:
    """These keys with a further word said after them."""
    return frozenset([_joined(head, tail) for head in heads for tail in readings(word, creole=creole)])


def _joined(head: str, tail: str) -> str:
    """One after the other: a sound that ends the one and begins the other is heard once. Neither holds a double one."""
    return head + tail[1:] if head[-1:] == tail[:1] else head + tail


def skeleton(key: str) -> str:
    """The consonants of a key: what stays when the vowels are heard wrongly."""
    return re.sub(r"[aeioUu]", "", key)


def alike(one: str, other: str) -> bool:
    """Whether two keys with the same consonants differ by few vowels, and begin alike."""
    return one[:1] == other[:1] and OSA.distance(one, other, score_cutoff=VOWELS_APART) <= VOWELS_APART
