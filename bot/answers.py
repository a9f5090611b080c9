"""One small function for each move: what is said and what happens."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bot import danger, listing
from bot.moves import point
from bot.scene import Erase, Opted, Scene, Told, Turn, Unread, Wanted, Wrong
from bot.state import State
from bot.steps import AFTER_QUESTIONS
from directory import search
from messaging import optout


def hello(scene: Scene) -> Turn:
    """Greet; a new person whose language is not sure is also shown the languages."""
    again = danger.greeted(scene)
    if again:
        return again
    if scene.state.known or scene.reading.language_sure:
        return scene.turn("hello", waiting="menu", unclear=0)
    return scene.turn("hello", "language_menu", waiting="language", unclear=0)


def find(scene: Scene) -> Turn:
    """Name the services found, numbered."""
    query = scene.move.query
    if query is None:
        return scene.turn("menu", waiting="menu")
    need, first = query.needs[0], AFTER_QUESTIONS if danger.asking(scene.state) else 1
    at_point = point(scene.state, scene.message, scene.reading)
    state = replace(
        scene.state, need=need, place=query.place, parish=query.parish, point=at_point, unclear=0, first=first
    )
    there = replace(scene, state=state)
    if not scene.found:
        event = Wanted(need, query.parish, "none", query.place)
        done = there.turn("found_none", waiting="", results=(), shown=0)
        return danger.with_question(scene, replace(done, events=(event, Unread("no service"))))
    outcome = search.outcome(scene.found)
    near = "found_near" if query.parish else "found"
    key = {"found": near, "elsewhere": "found_elsewhere", "none": "found_instead"}[outcome]
    reply, named = listing.page(there, key, 0, place=query.place or query.parish or "")
    results = tuple(str(item.service_id) for item in scene.found)
    done = there.turn(results=results, shown=named, waiting="results", detail=None)
    unread = (Unread("no service"),) if outcome == "none" else ()
    events = (Wanted(need, query.parish, outcome, query.place), *unread)
    return danger.with_question(scene, replace(done, replies=(reply,), events=events))


def more(scene: Scene) -> Turn:
    """The next services of the last search."""
    start = scene.state.shown
    if start >= len(scene.found):
        return danger.with_question(scene, scene.turn("no_more"))
    reply, named = listing.page(scene, "found_near", start)
    done = scene.turn(shown=start + named, waiting="results")
    return danger.with_question(scene, replace(done, replies=(reply,)))


def detail(scene: Scene) -> Turn:
    """Address, phone (only a verified one) and hours of one service."""
    if not scene.found:
        return scene.turn("choose_again")
    waiting = scene.state.waiting if danger.asking(scene.state) else "results"
    service = scene.found[0]
    phones = tuple(phone.id for phone in listing.phones(service) if phone.id)
    done = scene.turn(detail=scene.move.about, told=tuple(map(str, phones)), waiting=waiting)
    return replace(done, replies=(listing.detail(scene, service),), events=(Told(service.service_id, phones),))


def place(scene: Scene) -> Turn:
    """A place without a need."""
    where = scene.move.place
    if where is None:
        return unclear(scene)
    at_point = point(scene.state, scene.message, scene.reading)
    if danger.asking(scene.state):  # where somebody in danger is: kept, and the case has the message
        kept = replace(scene.state, place=where.name, parish=where.parish, point=at_point)
        return danger.with_question(scene, Turn(kept, ()))
    done = scene.turn(place=where.name, parish=where.parish, point=at_point, waiting="menu", unclear=0)
    return replace(done, replies=(scene.say("need_first", place=where.name),))


def unclear(scene: Scene) -> Turn:
    """Asked again with a menu once, then a person reads it."""
    if scene.state.waiting == "safe" or (scene.state.heard and scene.message.case_open):
        return danger.unclear(scene)
    if scene.state.unclear < scene.facts.ask_again:
        return scene.turn("unclear", waiting="menu", unclear=scene.state.unclear + 1)
    return replace(scene.turn("passed_on", unclear=0, waiting="menu"), events=(Unread("unclear"),))


def media(scene: Scene) -> Turn:
    return replace(scene.turn("media"), events=(Unread("media"),))


def human(scene: Scene) -> Turn:
    return replace(scene.turn("human", unclear=0), events=(Unread("asked for a person"),))


def bad(scene: Scene) -> Turn:
    """The number or place we gave is wrong: a check is due for the service named last."""
    about = scene.state.detail or (scene.state.results[0] if scene.state.results else None)
    phone = scene.state.told[0] if len(scene.state.told) == 1 and about == scene.state.detail else None
    event = Wrong(about, phone) if about else Unread("complaint")
    return replace(scene.turn("bad"), events=(event,))


def set_language(scene: Scene) -> Turn:
    state = replace(scene.state, language=scene.move.about, chosen=True)
    there = replace(scene, state=state)
    if state.concern:
        return there.turn("safe_ask", waiting="safe", unclear=0)
    if danger.asking(state):
        return danger.with_question(there, Turn(state, ()))
    return there.turn("language_set", waiting="menu", unclear=0)


def forget(scene: Scene) -> Turn:
    """Erase: the state too, but for the language to say it in."""
    key = "forgotten_case" if scene.message.case_open and not scene.state.hidden else "forgotten"
    return Turn(State(language=scene.state.language, hidden=scene.state.hidden), (scene.say(key),), (Erase(),))


def kept(scene: Scene) -> Turn:
    """Nothing erased; a question about safety that was open before is asked again."""
    if scene.state.concern:
        return scene.turn("kept", "safe_ask", waiting="safe", unclear=0)
    return scene.turn("kept", waiting="", unclear=0)


def opt_out(scene: Scene) -> Turn:
    """Said once, unless the carrier says it itself."""
    silent = optout.carrier_answers(scene.message.text, scene.message.extra, scene.message.channel)
    done = scene.turn(*([] if silent else ["opted_out"]), waiting="")
    return replace(done, events=(Opted("out"),))


def opt_in(scene: Scene) -> Turn:
    return replace(scene.turn("opted_in", waiting="menu"), events=(Opted("in"),))


def _simple(key: str, **change: Any) -> Callable[[Scene], Turn]:
    def handler(scene: Scene) -> Turn:
        return scene.turn(key, unclear=0, **change)

    return handler


HANDLERS: dict[str, Callable[[Scene], Turn]] = {
    "hello": hello,
    "find": find,
    "more": more,
    "detail": detail,
    "place": place,
    "disclose": danger.disclose,
    "safe_yes": danger.safe_yes,
    "safe_no": danger.safe_no,
    "gentle": danger.gentle,
    "confirmed": danger.confirmed,
    "gentle_no": _simple("gentle_no", waiting="menu"),
    "step": danger.step,
    "leave": danger.leave,
    "to_person": danger.beside_a_person,
    "unclear": unclear,
    "choose_again": _simple("choose_again"),
    "media": media,
    "human": human,
    "bad": bad,
    "good": _simple("good"),
    "menu": _simple("menu", waiting="menu"),
    "menu_more": _simple("menu_more", waiting="menu_more"),
    "languages": _simple("language_menu", waiting="language"),
    "set_language": set_language,
    "thanks": _simple("thanks"),
    "goodbye": _simple("goodbye"),
    "about": _simple("about"),
    "rights": _simple("rights"),
    "fine": _simple("fine"),
    "forget_ask": _simple("forget_ask", waiting="forget"),
    "forget": forget,
    "kept": kept,
    "opt_out": opt_out,
    "opt_in": opt_in,
}
