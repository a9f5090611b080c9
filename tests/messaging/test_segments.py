"""Segments against an oracle that tries every way to cut a text, from the tables of 3GPP TS 23.038 as written there."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from messaging.segments import is_gsm, plain, segments, septets

# The table of section 6.2.1, row by row of its printed form (columns 0 to 7, rows 0 to 15).
TABLE = [
    "@Δ 0¡P¿p", "£_!1AQaq", '$Φ"2BRbr', "¥Γ#3CScs", "èΛ¤4DTdt", "éΩ%5EUeu", "ùΠ&6FVfv", "ìΨ'7GWgw",
    "òΣ(8HXhx", "ÇΘ)9IYiy", "\nΞ*:JZjz", "Ø\x1b+;KÄkä", "øÆ,<LÖlö", "\ræ-=MÑmñ", "Åß.>NÜnü", "åÉ/?O§oà",
]  # fmt: skip
BASIC = {letter for row in TABLE for letter in row} - {"\x1b"}
EXTENSION = set("\f^{}\\[~]|€")
GSM_LETTERS = st.sampled_from(sorted(BASIC | EXTENSION))
gsm_texts = st.text(GSM_LETTERS, max_size=700)
any_texts = st.text(max_size=250)


def units(text: str) -> tuple[list[int], int, int]:
    """Size of each letter, room of a single segment, room of one of several."""
    if set(text) <= BASIC | EXTENSION:
        return [2 if letter in EXTENSION else 1 for letter in text], 160, 153
    return [len(letter.encode("utf-16-le")) // 2 for letter in text], 70, 67


def fewest(text: str) -> int:
    """The fewest segments over all ways to cut between letters."""
    sizes, single, many = units(text)
    if sum(sizes) <= single:
        return 1
    upto = [0]
    for size in sizes:
        upto.append(upto[-1] + size)
    need = [0] + [10**9] * len(sizes)
    for end in range(1, len(sizes) + 1):
        starts = range(max(0, end - many), end)
        need[end] = min(need[start] + 1 for start in starts if upto[end] - upto[start] <= many)
    return need[-1]


@given(gsm_texts)
def test_gsm_texts(text: str) -> None:
    assert is_gsm(text)
    assert segments(text) == fewest(text)


@given(any_texts)
def test_any_text(text: str) -> None:
    assert is_gsm(text) == (set(text) <= BASIC | EXTENSION)
    assert segments(text) == fewest(text)


@given(st.sampled_from([69, 70, 71, 133, 134, 135, 152, 153, 154, 159, 160, 161, 305, 306, 307]), st.data())
def test_around_the_limits(length: int, data: st.DataObject) -> None:
    letters = st.sampled_from(data.draw(st.sampled_from(["ab", "a€", "a😀", "aê", "€", "😀"])))
    text = data.draw(st.text(letters, min_size=length, max_size=length))
    assert segments(text) == fewest(text)


@given(any_texts)
def test_plain_words_never_cost_more(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    assert not is_gsm(text) or plain(text) == text
    if is_gsm(plain(text)):
        assert septets(plain(text)) >= len(text)


@cache
def _all_letters() -> frozenset[str]:
    return frozenset(chr(code) for code in range(0x3000) if is_gsm(chr(code)))


def test_the_alphabet_is_the_standards() -> None:
    assert _all_letters() == BASIC | EXTENSION
