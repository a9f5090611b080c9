"""The conversation of somebody in danger: numbers to call first, one question about safety, what happens next, and how
a person may be in contact. What is said and why: docs/danger.md."""

from dataclasses import replace
from datetime import timedelta

from bot import listing
from bot.moves import point
from bot.phrases import wording
from bot.scene import Disclosed, Hidden, Scene, Turn, Unread, Wish, Worse, told_by
from bot.state import State, idle
from bot.steps import AFTER_QUESTIONS, BY_NAME, STEPS, following
from messaging.outbox import Lane
from oncall.cases import Disclosure, worse

# The safety question is asked where somebody may be unsafe now; being refused a service is answered without it.
WITHOUT_SAFETY_QUESTION = frozenset({"discrimination"})
CHILD = frozenset({"child_abuse"})


def disclose(scene: Scene) -> Turn:
    """Someone told of harm: emergency numbers, who will see it if a child is spoken of, then the safety question, and
    services if asked for."""
    concern, severity = scene.reading.concern or "danger", scene.reading.severity or "high"
    replies = _heard(scene, concern)
    asked = concern not in WITHOUT_SAFETY_QUESTION
    there = replace(scene, state=_told(scene.state, concern, severity))
    state, services = _services(there)
    told = Disclosure(concern, severity, scene.reading.why)
    if asked or state.waiting == "safe":
        more = () if asked else (scene.say("safe_ask"),)
        state = replace(state, waiting="safe", concern=concern if asked else state.concern)
        return Turn(state, (*replies, *services, *more), (Disclosed(told),), Lane.PROTECTION)
    replies = (f"{replies[0]} {promise(there, severity)}", *replies[1:])
    done = Turn(replace(state, waiting="results" if services else ""), (*replies, *services))
    return replace(_go_on(replace(scene, state=done.state), done), events=(Disclosed(told),), lane=Lane.PROTECTION)


def _heard(scene: Scene, concern: str) -> tuple[str, ...]:
    """The first words. The notice of who sees it comes before the first question about a child."""
    if concern in scene.state.heard and concern not in WITHOUT_SAFETY_QUESTION:
        return (scene.say("heard_again"),)
    first = scene.say(f"heard.{concern}")
    if concern in CHILD:
        question = scene.say("safe_child")
        return first, f"{scene.say('who_sees')} {question}" if scene.facts.notice else question
    notice = scene.facts.notice and "child" in scene.reading.details
    return (first, scene.say("who_sees")) if notice else (first,)


def _told(state: State, concern: str, severity: str) -> State:
    """Harm was told of: what was hidden or looked for before is over."""
    heard = state.heard if concern in state.heard else (*state.heard, concern)
    severity = worse(state.severity, severity) if state.severity else severity
    return replace(state, heard=heard, severity=severity, hidden=False, unclear=0, first=AFTER_QUESTIONS)


def _services(scene: Scene) -> tuple[State, tuple[str, ...]]:
    """Services asked for in the same message as a disclosure, numbered beside the questions."""
    query = scene.move.query
    if query is None or not scene.found:
        return replace(scene.state, results=(), shown=0), ()
    reply, named = listing.page(scene, "found_near", 0)
    results = tuple(str(item.service_id) for item in scene.found)
    at_point = point(scene.state, scene.message, scene.reading)
    state = replace(scene.state, need=query.needs[0], place=query.place, parish=query.parish, point=at_point)
    return replace(state, results=results, shown=named, detail=None), (reply,)


def safe_yes(scene: Scene) -> Turn:
    """Safe now: when a person answers, then the first further question."""
    return replace(_answered(scene, "safe_yes", scene.state.severity or "high"), lane=Lane.PROTECTION)


def safe_no(scene: Scene) -> Turn:
    """Not safe now: the case becomes critical (taxonomy.yml, severities)."""
    done = _answered(scene, "safe_no", "critical")
    return replace(done, events=(Worse("critical"),), lane=Lane.PROTECTION)


def _answered(scene: Scene, key: str, severity: str) -> Turn:
    waiting = "results" if scene.state.results else ""
    state = replace(scene.state, waiting=waiting, concern=None, severity=severity, unclear=0)
    reply = f"{scene.say(key)} {promise(scene, severity)}"
    return _go_on(replace(scene, state=state), Turn(state, (reply,)))


def promise(scene: Scene, severity: str) -> str:
    """The honest time by policy and rota (oncall.promise), else that nobody knows."""
    within = scene.facts.answer_within.get(severity)
    if within is None:
        return scene.say("promise_none")
    return scene.say("promise", time=_span(scene, within))


def _span(scene: Scene, within: timedelta) -> str:
    """Minutes up to two hours, hours up to two days, days from there; rounded up."""
    minutes = -(-int(within.total_seconds()) // 60)
    for key, unit in (("minutes", 1), ("hours", 60), ("days", 1440)):
        if minutes < {"minutes": 120, "hours": 2880}.get(key, minutes + 1):
            return scene.say(key, n=str(-(-minutes // unit)))
    raise AssertionError("days have no end")


def _go_on(scene: Scene, done: Turn) -> Turn:
    """With the next question, when there is one left."""
    step = following(done.state.step)
    if step is None:
        return done
    return replace(done, state=replace(done.state, waiting=step.name), replies=(*done.replies, scene.say(step.phrase)))


def step(scene: Scene) -> Turn:
    """An answer to one of the questions, or 0. Who wants no contact is asked no further."""
    now, code = BY_NAME[scene.state.waiting], scene.move.about or "skip"
    last = code == "no" or now is STEPS[-1]
    state = replace(scene.state, step=len(STEPS) if last else STEPS.index(now) + 1, unclear=0)
    state = replace(state, waiting="results" if state.results else "")
    wish = () if code == "skip" else (Wish(now.name, code, wording(state.language, now.phrase)),)
    there = replace(scene, state=state)
    done = there.turn("no_contact" if code == "no" else "steps_done") if last else _go_on(there, Turn(state, ()))
    return replace(done, events=wish, lane=Lane.PROTECTION)


def asking(state: State) -> bool:
    """Whether a question of this conversation waits for its answer."""
    return state.waiting == "safe" or state.waiting in BY_NAME


def with_question(scene: Scene, done: Turn) -> Turn:
    """A question that is open stays open, and is asked again after another answer."""
    if scene.state.waiting == "safe":
        again = "safe_ask"
    elif scene.state.waiting in BY_NAME:
        again = BY_NAME[scene.state.waiting].phrase
    else:
        return done
    return replace(
        done,
        state=replace(done.state, waiting=scene.state.waiting, first=AFTER_QUESTIONS),
        replies=(*done.replies, scene.say(again)),
    )


def unclear(scene: Scene) -> Turn:
    """Words that are no plain answer, from somebody who told of harm: they belong to the case. A further question is
    asked once more, the one about safety each time."""
    if scene.state.waiting == "safe":
        return replace(scene.turn("safe_ask"), events=(Unread("unclear"),), lane=Lane.PROTECTION)
    again = scene.state.waiting in BY_NAME and not scene.state.unclear
    done = scene.turn("added", unclear=scene.state.unclear + 1)
    if again:
        return replace(with_question(scene, done), lane=Lane.PROTECTION)
    waiting = "results" if scene.state.results else ""
    return replace(done, state=replace(done.state, waiting=waiting), lane=Lane.PROTECTION)


def greeted(scene: Scene) -> Turn | None:
    """A hello while a question waits: it is asked again, but not on a phone that was idle since."""
    if scene.state.waiting == "safe":
        return scene.turn("hello" if idle(scene.state, scene.message.at, scene.facts.idle) else "safe_ask")
    return with_question(scene, Turn(scene.state, ())) if scene.state.waiting in BY_NAME else None


def gentle(scene: Scene) -> Turn:
    """Perhaps harm, perhaps not: asked once, and a person reads it either way. Beside an open question it is a part of
    what was told already."""
    if asking(scene.state):
        return replace(unclear(scene), events=(Unread("perhaps a disclosure"),))
    done = scene.turn("gentle", waiting="gentle", unclear=0)
    return replace(done, events=(Unread("perhaps a disclosure"),), lane=Lane.PROTECTION)


def confirmed(scene: Scene) -> Turn:
    """Yes to the gentle question."""
    told = Disclosure("danger", "critical", ("said yes to the gentle question",))
    state = _told(scene.state, "danger", "critical")
    done = replace(scene, state=state).turn("heard.danger", waiting="safe", concern="danger", results=(), shown=0)
    return replace(done, events=(Disclosed(told),), lane=Lane.PROTECTION)


def leave(scene: Scene) -> Turn:
    """The quick-exit word: answered like a first hello; nothing of what was told shows again. The case stays as it
    is, and whoever has it learns that writing may not be safe."""
    state = State(language=scene.state.language, chosen=scene.state.chosen, hidden=True, passed=scene.state.passed)
    return replace(replace(scene, state=state).turn("hello"), events=(Hidden(),))


def beside_a_person(scene: Scene) -> Turn:
    """A person has the conversation, so the bot is silent; a disclosure or "not safe" still reaches the case. Said once
    at most: that the message has gone to that person, when it tells of harm or they have been silent for long."""
    worst = scene.move.about == "unsafe"
    told = told_by(scene.reading)
    events: list[Disclosed | Worse] = [told] if told else [Worse("critical")] if worst else []
    say = (bool(events) or scene.message.silent) and not scene.state.passed
    state = scene.state
    answered = scene.move.about in {"safe", "unsafe"} and state.waiting == "safe"
    if answered or state.waiting in BY_NAME:  # the person asks what is left to ask
        state = replace(state, waiting="", concern=None)
    done = replace(scene, state=state).turn(*(["to_person"] if say else []), passed=state.passed or say)
    return replace(done, events=tuple(events), lane=Lane.PROTECTION)
