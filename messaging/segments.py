"""SMS segments: which letters the GSM 7-bit alphabet has and how many messages a text costs.

Source: 3GPP TS 23.038 section 6.2.1 (basic set and extension table).
"""

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("^{}\\[~]|€\f")
_GSM = BASIC | EXTENDED

# What a phone keyboard or a word processor puts in, and what stands for it in GSM-7.
PLAIN = str.maketrans(
    {
        "’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "…": "...",
        "\u00a0": " ", "\u202f": " ", "•": "-", "À": "A", "Á": "A", "Â": "A", "á": "a", "â": "a", "ã": "a", "È": "E",
        "Ê": "E", "ê": "e", "ë": "e", "Ì": "I", "Í": "I", "í": "i", "î": "i", "ï": "i", "Ò": "O", "Ó": "O", "Ô": "O",
        "ó": "o", "ô": "o", "õ": "o", "Ù": "U", "Ú": "U", "ú": "u", "û": "u", "ç": "c",
    }
)  # fmt: skip


def is_gsm(text: str) -> bool:
    """Whether every letter is in the GSM-7 alphabet."""
    return _GSM.issuperset(text)


def plain(text: str) -> str:
    """The text with typographic quotes and letters outside GSM-7 replaced by their nearest plain ones."""
    return text if is_gsm(text) else text.translate(PLAIN)


def septets(text: str) -> int:
    """Length in GSM-7 units: letters of the extension table count twice."""
    return len(text) + sum(map(text.count, EXTENDED))


def segments(text: str) -> int:
    """How many SMS segments a text needs (an empty one: 1). A pair is never split over two segments.

    GSM-7: 160, or 153 each when several. UCS-2: 70, or 67 each, counted in UTF-16 units.
    """
    if is_gsm(text):
        length, single, many = septets(text), 160, 153
    else:
        length, single, many = len(text.encode("utf-16-le", "surrogatepass")) // 2, 70, 67
    if length <= single:
        return 1
    if length == len(text):  # no pair that could be split
        return -(-length // many)
    return _packed([2 if letter in EXTENDED else 1 for letter in text] if single == 160 else _units(text), many)


def _units(text: str) -> list[int]:
    return [2 if ord(letter) > 0xFFFF else 1 for letter in text]


def _packed(sizes: list[int], many: int) -> int:
    """How many segments of `many` units letters of these sizes fill."""
    count, room = 1, many
    for size in sizes:
        if size > room:
            count, room = count + 1, many
        room -= size
    return count
