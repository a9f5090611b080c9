"""One turn of a conversation: state, message and reading in; new state, replies and what happened out. No I/O."""

from collections.abc import Sequence
from dataclasses import replace

from bot import answers
from bot.moves import Message, Move
from bot.reading import Reading
from bot.scene import Erase, Facts, Scene, Turn
from bot.state import State, noted
from bot.steps import BY_NAME
from directory.search import Found
from messaging.outbox import Lane


def settle_language(state: State, reading: Reading, default: str) -> State:
    """The language to answer in: the one the person chose, else the one they surely write in, else the one before."""
    if state.chosen and state.language:
        return state
    if reading.language and (reading.language_sure or not state.language):
        unsure_creole = reading.language == "acf" and not reading.language_sure
        return replace(state, language="ht" if unsure_creole else reading.language)
    return state if state.language else replace(state, language=default)


def turn(state: State, message: Message, reading: Reading, move: Move, found: Sequence[Found], facts: Facts) -> Turn:
    """Answer one message. `state` is awake (see bot.state), `move` is what bot.moves decided, `found` what the
    directory gave for it (for `detail` the one service).

    Whatever is said while we wait to hear whether somebody is safe goes out as protection, opted out or not.
    """
    if not message.staffed and state.passed:
        state = replace(state, passed=False)
    state = settle_language(state, reading, facts.default_language)
    scene = Scene(state, message, reading, move, found, facts)
    done = answers.HANDLERS[move.name](scene)
    details = () if any(isinstance(event, Erase) for event in done.events) else noted(reading)
    ready = replace(done.state, known=True, at=message.at.isoformat(), details=details)
    open_question = (state.waiting in BY_NAME or state.waiting in {"safe", "gentle"}) and not move.name.startswith(
        "opt_"
    )
    return replace(done, state=ready, lane=Lane.PROTECTION if open_question else done.lane)
