"""Hours, numbers and lists in the words a clerk writes into one cell, and back.

`written` forms come back as the same words; what people also write ("Monday to Friday, 8am - 4pm") is understood.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import time
from typing import Any

from directory.exchange.rules import number
from directory.hours import DAYS

Row = dict[str, Any]
SHORT = dict(zip(DAYS, ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"), strict=True))
NTH = {"1": "1st", "2": "2nd", "3": "3rd", "4": "4th", "5": "5th", "-1": "last"}
_NTH_OF = {word: nth for nth, word in NTH.items()}
HOLIDAYS = {"open": " open on holidays", "closed": " closed on holidays", "unknown": ""}
HOURS_FORM = "Mo-Fr 08:00-16:00; Sa 09:00-12:00"
PHONE_FORM = "+17675550100 toll-free whatsapp (reception)"
TYPES = ("fax", "cell", "video", "pager", "textphone")  # RFC 6350, beside voice and text
_CLOCK = r"\d{1,2}(?:[:.h]\d{2})?\s*(?:[ap]\.?m\.?)?"
_SPAN = re.compile(rf"({_CLOCK})\s*(?:-|to)\s*({_CLOCK})", re.IGNORECASE)
_DAY = re.compile(  # a whole name of a day: "from" is no Friday, and "weekdays" no Wednesday
    r"(?:(1st|2nd|3rd|4th|5th|last)\s+)?"
    r"(?:(mo)(?:n(?:days?)?)?|(tu)(?:e(?:s(?:days?)?)?)?|(we)(?:d(?:nesdays?)?)?|(th)(?:u(?:r(?:s(?:days?)?)?)?)?|"
    r"(fr)(?:i(?:days?)?)?|(sa)(?:t(?:urdays?)?)?|(su)(?:n(?:days?)?)?)\.?",
    re.IGNORECASE,
)
_DASHES = re.compile(r"[\u2010-\u2015]")
_PHONE = re.compile(
    r"(?P<number>\(?\+?[\s\d().\-/]*\d)(?P<words>(?:\s+[a-z0-9-]+)*)\s*(?:\((?P<remark>.*)\))?", re.DOTALL
)


def join(items: Sequence[str]) -> str:
    """Items in one cell; a semicolon inside one is written with a backslash."""
    return "; ".join(one.replace("\\", "\\\\").replace(";", "\\;") for one in items if one)


def split(cell: str) -> list[str]:
    """The items of a cell."""
    items, now, escaped = list[str](), "", False
    for sign in cell:
        if escaped or sign not in "\\;":
            now, escaped = now + ("\\" if escaped and sign not in "\\;" else "") + sign, False
        elif sign == "\\":
            escaped = True
        else:
            items.append(now)
            now = ""
    return [one.strip() for one in (*items, now + ("\\" if escaped else "")) if one.strip()]


def hours(schedules: Sequence[Row]) -> list[str]:
    """Items for the schedules that can be said in words (`sayable`), those of the same days together."""
    grouped: dict[tuple[str, str, bool], list[str]] = {}
    for row in sorted((row for row in schedules if sayable(row)), key=_by_day):
        key = _days(row["byday"]), HOLIDAYS[row["on_holidays"]], row["opens_at"] is None
        grouped.setdefault(key, []).extend(_span(row))
    return [" ".join([days, *dict.fromkeys(spans)]) + holidays for (days, holidays, _), spans in grouped.items()]


def sayable(row: Row) -> bool:
    """A rule that a cell can hold: weekly days, or the nth such day of each month; whole minutes; no dates."""
    plain = all(row.get(name) is None for name in ("dtstart", "until", "count", "valid_from", "valid_to"))
    plain &= not any(row.get(name) for name in ("byweekno", "bymonthday", "byyearday")) and row["interval"] == 1
    days = [_BYDAY.fullmatch(part) for part in (row["byday"] or "").split(",")]
    right = all(day and (bool(day[1]) == (row["freq"] == "MONTHLY")) and day[1] in {None, *NTH} for day in days)
    times = [row["opens_at"], row["closes_at"]]
    whole = all(one is None or not (one.second or one.microsecond) for one in times)
    return plain and right and whole and not _backwards(row["opens_at"], row["closes_at"])


def _backwards(opens: time | None, closes: time | None) -> bool:
    """From a morning hour to an earlier one: "9 to 5" is meant as an afternoon's, not as twenty hours."""
    return opens is not None and closes is not None and opens.hour < 12 and time(0) < closes < opens


_BYDAY = re.compile(r"(-?[0-9])?(MO|TU|WE|TH|FR|SA|SU)")


def _by_day(row: Row) -> tuple[int, str, time]:
    first = str(row["byday"]).split(",", maxsplit=1)[0]
    return DAYS.index(first[-2:]), first, row["opens_at"] or time(0)


def _days(byday: str) -> str:
    """ "MO,TU,WE" as "Mo-We", "1MO" as "1st Mo"."""
    parts = byday.split(",")
    if len(parts[0]) > 2:
        return ", ".join(f"{NTH[part[:-2]]} {SHORT[part[-2:]]}" for part in parts)
    numbers, runs = sorted({DAYS.index(part) for part in parts}), list[list[int]]()
    for one in numbers:
        if runs and one == runs[-1][-1] + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    names = [[SHORT[DAYS[one]] for one in (run if len(run) < 3 else (run[0], run[-1]))] for run in runs]
    return ", ".join("-".join(name) if len(run) > 2 else ", ".join(name) for name, run in zip(names, runs, strict=True))


def _span(row: Row) -> list[str]:
    if row["opens_at"] is None:
        return []
    closes = f"{row['closes_at']:%H:%M}"
    return [f"{row['opens_at']:%H:%M}-{'24:00' if closes == '00:00' else closes}"]


def read_hours(cell: str) -> Iterator[Row]:
    """Schedules of a cell. Raises ValueError with a sentence."""
    for item in split(_DASHES.sub("-", cell)):
        text, holidays = item, "unknown"
        for word in ("open", "closed"):
            if text.endswith(HOLIDAYS[word]):
                text, holidays = text.removesuffix(HOLIDAYS[word]), word
        spans: list[tuple[time | None, time | None]] = [(_time(a), _time(b)) for a, b in _SPAN.findall(text)]
        if text.lower().endswith("24 hours"):
            text, spans = text[: -len("24 hours")] or "daily", [(time(0), time(0))]
        byday, monthly = _read_days(re.sub(r"[\s,]*(and)?[\s,]*$", "", _SPAN.split(text)[0]))
        if _left_over(text, spans):
            raise ValueError(f"hours cannot be read; expected: {HOURS_FORM}")
        for opens, closes in spans or [(None, None)]:
            if _backwards(opens, closes):
                raise ValueError(f"the closing hour is before the opening hour; expected: {HOURS_FORM}")
            freq = "MONTHLY" if monthly else "WEEKLY"
            yield {"freq": freq, "byday": byday, "opens_at": opens, "closes_at": closes, "on_holidays": holidays}


def _left_over(text: str, spans: Sequence[object]) -> bool:
    """Whether something stands between or behind the times that is none."""
    first = _SPAN.search(text)
    rest = _SPAN.sub(" ", text[first.start() :]) if first and spans else ""
    return bool(re.sub(r"and|[\s,]", "", rest))


def _read_days(text: str) -> tuple[str, bool]:
    found, monthly = list[str](), set[bool]()
    known = {"daily": DAYS, "every day": DAYS, "weekdays": DAYS[:5]}
    if text.strip().lower() in known:
        return ",".join(known[text.strip().lower()]), False
    for part in re.split(r",|\band\b|/", text):
        ends = [_DAY.fullmatch(one.strip()) for one in re.split(r"-|\bto\b", part)]
        first, last = ends[0], ends[-1]
        if not first or not last or len(ends) > 2 or (len(ends) == 2 and (first[1] or last[1])):
            raise ValueError(f"days cannot be read; expected: {HOURS_FORM}, or 1st Mo 09:00-12:00")
        monthly.add(bool(first[1]))
        if first[1]:
            found.append(_NTH_OF[first[1].lower()] + _day(first))
            continue
        low, high = DAYS.index(_day(first)), DAYS.index(_day(last))
        found += [DAYS[one % 7] for one in range(low, (high if high >= low else high + 7) + 1)]
    if len(monthly) != 1:
        raise ValueError("days of each week and days of the month stand together; write them as two, with ; between")
    return ",".join(found if True in monthly else sorted(set(found), key=DAYS.index)), True in monthly


def _day(match: re.Match[str]) -> str:
    """MO to SU."""
    return next(name for name in match.groups()[1:] if name).upper()


def _time(text: str) -> time:
    match = re.fullmatch(r"(\d{1,2})(?:[:.h](\d{2}))?\s*([ap])?\.?m?\.?", text.strip().lower())
    hour, minute = (int(match[1]), int(match[2] or 0)) if match else (99, 0)
    if match and match[3]:
        hour = hour % 12 + 12 * (match[3] == "p") if 1 <= hour <= 12 else 99
    if (hour, minute) == (24, 0):
        return time(0)
    if hour > 23 or minute > 59:
        raise ValueError(f"{text} is no time of day; expected: 08:00 or 8am")
    return time(hour, minute)


def phone(row: Row) -> str:
    """One number: digits, what it is, a remark."""
    kind = row["channel"] if row["channel"] != "voice" else row["type"] if row["type"] in TYPES else ""
    words = [f"ext {row['extension']}" if row["extension"] is not None else "", kind]
    words += ["toll-free" if row["toll_free"] else "", "confidential" if row["confidential"] else ""]
    remark = f"({tidy(row['description'])})" if tidy(row["description"] or "") else ""
    return " ".join(one for one in (row["number"], *words, remark) if one)


def read_phone(item: str) -> Row:
    """The number of an item. Raises ValueError with a sentence."""
    match = _PHONE.fullmatch(item.strip())
    words = re.findall(r"ext \d+|\S+", match["words"]) if match else []
    known = {"sms", "whatsapp", "voice", "toll-free", "confidential", *TYPES}
    if not match or any(not one.startswith("ext ") and one not in known for one in words):
        raise ValueError(f"is no telephone number; expected: {PHONE_FORM}")
    channel = next((one for one in words if one in {"sms", "whatsapp"}), "voice")
    extension = next((int(one[4:]) for one in words if one.startswith("ext ")), None)
    if extension is not None and extension > 32_767:
        raise ValueError("the extension is too long; expected: at most 32767")
    kind = "text" if channel == "sms" else next((one for one in words if one in TYPES), "voice")
    return {
        "number": number(match["number"].strip()), "extension": extension, "channel": channel, "type": kind,
        "toll_free": "toll-free" in words, "confidential": "confidential" in words,
        "description": tidy(match["remark"] or "") or None,
    }  # fmt: skip


def tidy(text: str) -> str:
    """Text as a cell can hold it: one kind of line end, no signs that a spreadsheet cannot hold, no space around."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
