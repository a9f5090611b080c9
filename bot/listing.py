"""Services as lines of a message, as many as fit its segments."""

import re

from bot.scene import Scene
from directory.search import Found, Number
from messaging.outbox import WITHOUT_SEGMENTS
from messaging.segments import plain, segments

_NUMBER = re.compile(r"(?:\d[\s().-]*){6}\d")


def page(scene: Scene, key: str, start: int, **values: str) -> tuple[str, int]:
    """The phrase `key` with the found services from index `start` on, and how many it names (at least one)."""
    items = scene.found[start : start + scene.facts.results]
    allowed = 99 if scene.message.channel in WITHOUT_SEGMENTS else scene.facts.max_segments
    for count in range(len(items), 0, -1):
        named = enumerate(items[:count], scene.state.first + start)
        lines = "\n".join(f"{i} {line(item, scene.state.language)}" for i, item in named)
        text = scene.say(key, items=lines, **values)
        if segments(text) <= allowed or count == 1:
            return text, count
    return "", 0


def line(item: Found, language: str | None) -> str:
    """Name and town of a service, and how far it is from a shared location."""
    name = item.said("name", language)
    there = f"{name}, {item.place}" if item.place and item.place not in name else name
    return plain(there if item.distance_km is None else f"{there} ({item.distance_km:g} km)")


def detail(scene: Scene, item: Found) -> str:
    """Name, address, verified phone or why there is none, hours, what holds for a short time ("closed for repairs"),
    papers and language, as far as fits."""
    alert = plain(item.said("alert", scene.state.language))
    rest = [_phone(scene, item), _hours(scene, item), _sentence(alert), *_who(scene, item), scene.say("wrong_hint")]
    service = ", ".join(part for part in (plain(item.said("name", scene.state.language)), _address(item)) if part)
    allowed = 99 if scene.message.channel in WITHOUT_SEGMENTS else scene.facts.max_segments
    while True:
        text = scene.say("detail", service=service, rest=" ".join(part for part in rest if part))
        if segments(text) <= allowed or len(rest) == 1:
            return text
        rest.pop()


def _sentence(text: str) -> str:
    """In one line, with a stop. Nothing where a telephone number is written into it: nobody has dialled that."""
    whole = " ".join(text.split())
    if _NUMBER.search(whole):
        return ""
    return f"{whole}." if whole and whole[-1] not in ".!?" else whole


def _address(item: Found) -> str:
    """Street and town; the parish where there is no town."""
    town = item.place or item.parish or ""
    if not item.address:
        return town
    return item.address if not town or town.lower() in item.address.lower() else f"{item.address}, {town}"


def dialled(number: str) -> str:
    """A number as people in Dominica dial it: +17672663080 -> 767-266-3080, +18007443629 -> 1-800-744-3629."""
    if len(number) != 12 or not number.startswith("+1"):
        return number
    area, rest = number[2:5], f"{number[5:8]}-{number[8:]}"
    return f"{area}-{rest}" if area == "767" else f"1-{area}-{rest}"


def phones(item: Found) -> tuple[Number, ...]:
    """The numbers of a service that are told."""
    return item.phones[:2]


def _phone(scene: Scene, item: Found) -> str:
    if item.phones:
        return scene.say("phone_known", phone=" / ".join(dialled(phone.number) for phone in phones(item)))
    return scene.say("phone_checking" if item.has_unverified_phone else "phone_none")


def _hours(scene: Scene, item: Found) -> str:
    if not item.hours or item.open_now is None:
        return scene.say("hours_unknown")
    return scene.say("open_now" if item.open_now else "closed_now")


def _who(scene: Scene, item: Found) -> list[str]:
    """Taking migrants in is not the same as asking for no papers, so the second is never promised."""
    parts = []
    if item.open_to_migrants == "yes":
        parts.append(scene.say("migrants_yes"))
    if "no_papers" in scene.reading.details:
        parts.append(scene.say("papers_unknown"))
    if "ht" in item.speaks and scene.state.language == "ht":
        parts.append(scene.say("speaks_kreyol"))
    return parts
