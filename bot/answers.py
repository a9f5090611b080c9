"""One small function for each move: what is said and what happens."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bot import listing
from bot.scene import Disclosed, Erase, Opted, Scene, Turn, Unread, Wanted, Worse, Wrong
from bot.state import State, idle
from directory import search
from messaging import optout
from messaging.outbox import Lane
from oncall.cases import Disclosure

# The safety question is asked where somebody may be unsafe now; being refused a service is answered without it.
WITHOUT_SAFETY_QUESTION = frozenset({"discrimination"})
AFTER_QUESTION = 3  # services named beside "1 safe 2 not safe" are numbered from here
CHILD = frozenset({"child_abuse"})


def _turn(scene: Scene, *keys: str, **change: Any) -> Turn:
    return Turn(replace(scene.state, **change), tuple(scene.say(key) for key in keys))


def _with_question(scene: Scene, done: Turn) -> Turn:
    """While the question about safety is open it stays open, and is asked again after another answer."""
    if scene.state.waiting != "safe":
        return done
    return replace(done, state=replace(done.state, waiting="safe"), replies=(*done.replies, scene.say("safe_ask")))


def hello(scene: Scene) -> Turn:
    """Greet; a new person whose language is not sure is also shown the languages. After a disclosure the question
    about safety is asked again, but not on a phone that was idle since: somebody else may hold it."""
    if scene.state.waiting == "safe":
        return _turn(scene, "hello" if idle(scene.state, scene.message.at, scene.facts.idle) else "safe_ask")
    if scene.state.known or scene.reading.language_sure:
        return _turn(scene, "hello", waiting="menu", unclear=0)
    return _turn(scene, "hello", "language_menu", waiting="language", unclear=0)


def find(scene: Scene) -> Turn:
    """Name the services found, numbered."""
    query = scene.move.query
    if query is None:
        return _turn(scene, "menu", waiting="menu")
    need, first = query.needs[0], AFTER_QUESTION if scene.state.waiting == "safe" else 1
    state = replace(scene.state, need=need, place=query.place, parish=query.parish, unclear=0, first=first)
    there = replace(scene, state=state)
    if not scene.found:
        event = Wanted(need, query.parish, "none")
        done = _turn(there, "found_none", waiting="", results=(), shown=0)
        return _with_question(scene, replace(done, events=(event, Unread("no service"))))
    outcome = search.outcome(scene.found)
    near = "found_near" if query.parish else "found"
    key = {"found": near, "elsewhere": "found_elsewhere", "none": "found_instead"}[outcome]
    reply, named = listing.page(there, key, 0, place=query.place or query.parish or "")
    results = tuple(str(item.service_id) for item in scene.found)
    done = _turn(there, results=results, shown=named, waiting="results", detail=None)
    unread = (Unread("no service"),) if outcome == "none" else ()
    events = (Wanted(need, query.parish, outcome), *unread)
    return _with_question(scene, replace(done, replies=(reply,), events=events))


def more(scene: Scene) -> Turn:
    """The next services of the last search."""
    start = scene.state.shown
    if start >= len(scene.found):
        return _with_question(scene, _turn(scene, "no_more"))
    reply, named = listing.page(scene, "found_near", start)
    done = _turn(scene, shown=start + named, waiting="results")
    return _with_question(scene, replace(done, replies=(reply,)))


def detail(scene: Scene) -> Turn:
    """Address, phone (only a verified one) and hours of one service."""
    if not scene.found:
        return _turn(scene, "choose_again")
    waiting = "safe" if scene.state.waiting == "safe" else "results"
    done = _turn(scene, detail=scene.move.about, waiting=waiting)
    return replace(done, replies=(listing.detail(scene, scene.found[0]),))


def place(scene: Scene) -> Turn:
    """A place without a need."""
    where = scene.move.place
    if where is None:
        return unclear(scene)
    if scene.state.waiting == "safe":  # where somebody in danger is: kept, and the case has the message
        return _turn(scene, "safe_ask", place=where.name, parish=where.parish)
    done = _turn(scene, place=where.name, parish=where.parish, waiting="menu", unclear=0)
    return replace(done, replies=(scene.say("need_first", place=where.name),))


def disclose(scene: Scene) -> Turn:
    """Someone told of harm: emergency numbers first, the safety question, who sees it, and services if asked for."""
    concern, severity = scene.reading.concern or "danger", scene.reading.severity or "high"
    again = scene.state.waiting == "safe" and scene.state.concern == concern
    key = "heard_again" if again else f"heard.{concern}"
    replies = [scene.say(key)]
    if concern in CHILD and scene.facts.notice and not again:
        replies.append(scene.say("who_sees"))
    asked = concern not in WITHOUT_SAFETY_QUESTION
    state = replace(scene.state, unclear=0, first=AFTER_QUESTION if asked or scene.state.waiting == "safe" else 1)
    state = replace(state, concern=concern) if asked else state
    state, services = _services(replace(scene, state=state))
    waiting = "safe" if asked else "results" if services else ""
    told = Disclosure(concern, severity, scene.reading.why)
    done = Turn(replace(state, waiting=waiting), (*replies, *services), (Disclosed(told),), Lane.PROTECTION)
    return done if asked else _with_question(scene, done)


def _services(scene: Scene) -> tuple[State, tuple[str, ...]]:
    """Services asked for in the same message as a disclosure, numbered beside the question about safety."""
    query = scene.move.query
    if query is None or not scene.found:
        return replace(scene.state, results=(), shown=0), ()
    reply, named = listing.page(scene, "found_near", 0)
    results = tuple(str(item.service_id) for item in scene.found)
    state = replace(scene.state, need=query.needs[0], place=query.place, parish=query.parish)
    return replace(state, results=results, shown=named, detail=None), (reply,)


def safe_yes(scene: Scene) -> Turn:
    """Safe now. The services named beside the question keep their numbers."""
    waiting = "results" if scene.state.results else ""
    return replace(_turn(scene, "safe_yes", waiting=waiting, concern=None), lane=Lane.PROTECTION)


def safe_no(scene: Scene) -> Turn:
    """Not safe now: the case becomes critical (taxonomy.yml, severities)."""
    waiting = "results" if scene.state.results else ""
    done = _turn(scene, "safe_no", waiting=waiting, concern=None)
    return replace(done, events=(Worse("critical"),), lane=Lane.PROTECTION)


def gentle(scene: Scene) -> Turn:
    """Perhaps harm, perhaps not: asked once, and a person reads it either way."""
    done = _turn(scene, "gentle", waiting="gentle", unclear=0)
    return replace(done, events=(Unread("perhaps a disclosure"),), lane=Lane.PROTECTION)


def confirmed(scene: Scene) -> Turn:
    """Yes to the gentle question."""
    told = Disclosure("danger", "critical", ("said yes to the gentle question",))
    done = _turn(scene, "heard.danger", waiting="safe", concern="danger", results=(), shown=0, first=AFTER_QUESTION)
    return replace(done, events=(Disclosed(told),), lane=Lane.PROTECTION)


def unclear(scene: Scene) -> Turn:
    """Asked again with a menu once, then a person reads it."""
    if scene.state.waiting == "safe":
        return replace(_turn(scene, "safe_ask"), events=(Unread("unclear"),), lane=Lane.PROTECTION)
    if scene.state.unclear < scene.facts.ask_again:
        return _turn(scene, "unclear", waiting="menu", unclear=scene.state.unclear + 1)
    return replace(_turn(scene, "passed_on", unclear=0, waiting="menu"), events=(Unread("unclear"),))


def media(scene: Scene) -> Turn:
    return replace(_turn(scene, "media"), events=(Unread("media"),))


def human(scene: Scene) -> Turn:
    return replace(_turn(scene, "human", unclear=0), events=(Unread("asked for a person"),))


def bad(scene: Scene) -> Turn:
    """The number or place we gave is wrong: a check is due for the service named last."""
    about = scene.state.detail or (scene.state.results[0] if scene.state.results else None)
    event = Wrong(about) if about else Unread("complaint")
    return replace(_turn(scene, "bad"), events=(event,))


def set_language(scene: Scene) -> Turn:
    state = replace(scene.state, language=scene.move.about, chosen=True)
    there = replace(scene, state=state)
    if state.concern:
        return _turn(there, "safe_ask", waiting="safe", unclear=0)
    return _turn(there, "language_set", waiting="menu", unclear=0)


def forget(scene: Scene) -> Turn:
    """Erase: the state too, but for the language to say it in."""
    key = "forgotten_case" if scene.message.case_open else "forgotten"
    return Turn(State(language=scene.state.language), (scene.say(key),), (Erase(),))


def kept(scene: Scene) -> Turn:
    """Nothing erased; a question about safety that was open before is asked again."""
    if scene.state.concern:
        return _turn(scene, "kept", "safe_ask", waiting="safe", unclear=0)
    return _turn(scene, "kept", waiting="", unclear=0)


def opt_out(scene: Scene) -> Turn:
    """Said once, unless the carrier says it itself."""
    silent = optout.carrier_answers(scene.message.text, scene.message.extra, scene.message.channel)
    done = _turn(scene, *([] if silent else ["opted_out"]), waiting="")
    return replace(done, events=(Opted("out"),))


def opt_in(scene: Scene) -> Turn:
    return replace(_turn(scene, "opted_in", waiting="menu"), events=(Opted("in"),))


def _simple(key: str, **change: Any) -> Callable[[Scene], Turn]:
    def handler(scene: Scene) -> Turn:
        return _turn(scene, key, unclear=0, **change)

    return handler


HANDLERS: dict[str, Callable[[Scene], Turn]] = {
    "hello": hello,
    "find": find,
    "more": more,
    "detail": detail,
    "place": place,
    "disclose": disclose,
    "safe_yes": safe_yes,
    "safe_no": safe_no,
    "gentle": gentle,
    "confirmed": confirmed,
    "gentle_no": _simple("gentle_no", waiting="menu"),
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
