"""Services as lines of a message, as many as fit its segments."""

from bot.scene import Scene
from directory.search import Found, Number
from messaging.outbox import WITHOUT_SEGMENTS
from messaging.segments import plain, segments


def page(scene: Scene, key: str, start: int, **values: str) -> tuple[str, int]:
    """The phrase `key` with the found services from index `start` on, and how many it names (at least one)."""
    items = scene.found[start : start + scene.facts.results]
    allowed = 99 if scene.message.channel in WITHOUT_SEGMENTS else scene.facts.max_segments
    for count in range(len(items), 0, -1):
        lines = "\n".join(f"{i} {line(item)}" for i, item in enumerate(items[:count], scene.state.first + start))
        text = scene.say(key, items=lines, **values)
        if segments(text) <= allowed or count == 1:
            return text, count
    return "", 0


def line(item: Found) -> str:
    """Name and town of a service."""
    return plain(f"{item.name}, {item.place}" if item.place and item.place not in item.name else item.name)


def detail(scene: Scene, item: Found) -> str:
    """Name, address, verified phone or why there is none, hours, papers and language, as far as fits."""
    rest = [_phone(scene, item), _hours(scene, item), *_who(scene, item), scene.say("wrong_hint")]
    service = ", ".join(part for part in (item.name, _address(item)) if part)
    allowed = 99 if scene.message.channel in WITHOUT_SEGMENTS else scene.facts.max_segments
    while True:
        text = scene.say("detail", service=service, rest=" ".join(part for part in rest if part))
        if segments(text) <= allowed or len(rest) == 1:
            return text
        rest.pop()


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
