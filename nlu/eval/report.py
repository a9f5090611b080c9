"""The page docs/evaluation.md: figures, targets, the worst errors. Never a word of a real message: ids there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eval.figures import Figure, Pair
from eval.rows import UNREAD

WORST = 30
PICTURES = "evaluation"


@dataclass(frozen=True)
class Results:
    """All that was measured in one run. `absent`: why there are no real messages, None when there are."""

    figures: list[Figure]
    pairs: list[Pair]
    floors: dict[str, float]
    calibration: dict[str, tuple[float, int]]
    absent: str | None
    model: str
    seen: int = 0
    pictures: list[str] = field(default_factory=list)


def percent(figure: Figure) -> str:
    low, high = figure.interval
    return f"{100 * figure.value:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def figure_table(figures: Sequence[Figure], floors: dict[str, float]) -> str:
    """All figures, one a line."""
    lines = ["| figure | group | measured (95 %) | messages | target | floor |", "|---|---|---|---|---|---|"]
    for one in figures:
        sign = "≤" if one.low else "≥"
        target = "" if one.target is None else f"{sign} {100 * one.target:.0f} %{'' if one.met else ' **missed**'}"
        floor = f"{sign} {100 * floors[one.key]:.1f} %" if one.key in floors else ""
        lines.append(f"| {one.name} | {one.group} | {percent(one)} | {one.total} | {target} | {floor} |")
    return "\n".join(lines)


def target_table(figures: Sequence[Figure]) -> str:
    """The figures with a target, and whether it is met."""
    lines = ["| figure | group | target | measured (95 %) | messages | met |", "|---|---|---|---|---|---|"]
    for one in figures:
        if one.target is not None:
            target = f"{'≤' if one.low else '≥'} {100 * one.target:.0f} %"
            met = "yes" if one.met else "**no**"
            lines.append(f"| {one.name} | {one.group} | {target} | {percent(one)} | {one.total} | {met} |")
    return "\n".join(lines)


def fault(pair: Pair) -> tuple[float, str, str] | None:
    """How bad the worst fault of one answer is (small is bad), what was meant and what was read; None for no fault."""
    row, said = pair
    if row.concern and not said.concern:
        return (0 if row.severity == "critical" else 1), f"{row.concern} ({row.severity})", "no concern"
    if said.concern and not row.concern:
        return (3 if row.kind == "alarming_harmless" else 2), "no concern", said.concern
    if row.severity == "critical" and said.severity != "critical":
        return 4, "critical", str(said.severity)
    if row.need and said.need not in row.needs:
        return 6 - said.confidence * bool(said.need), row.need, said.need or f"no need ({said.intent})"
    if row.concern and said.concern not in row.concern.split("|"):
        return 7, row.concern, str(said.concern)
    if row.place and said.place != row.place:
        return 8, row.place, str(said.place)
    if row.intent and said.intent != row.intent:
        return 9, row.intent, said.intent
    return None


def worst(pairs: Sequence[Pair]) -> str:
    """The worst errors in our own sentences: missed harm, false alarms, then wrong needs, the surest first."""
    own = [(row, said) for row, said in pairs if row.kind not in ("real", "language") and not row.seen]
    own = [(row, said) for row, said in own if "unaccented" not in row.group and not row.group.startswith(UNREAD)]
    faults = [(found, row, said) for row, said in own if (found := fault((row, said)))]
    faults.sort(key=lambda each: (each[0][0], each[1].id))
    lines = ["| text | group | meant | read | confidence | by |", "|---|---|---|---|---|---|"]
    for (_, meant, got), row, said in faults[:WORST]:
        text = row.text.replace("|", "/")
        lines.append(f"| {text} | {row.group} | {meant} | {got} | {said.confidence:.2f} | {said.source} |")
    left_out = "copies without accents not counted, nor the eighth to twelfth sets"
    said_first = f"{len(faults)} answers in all have a fault of some kind ({left_out})."
    return said_first + "\n\n" + "\n".join(lines)


def real_errors(pairs: Sequence[Pair]) -> str:
    """The ids of the labelled real messages that were read wrongly."""
    real = [(row, said) for row, said in pairs if row.kind == "real"]
    kinds = {
        "harm not heard": [r.id for r, s in real if r.concern and not s.concern],
        "false alarm": [r.id for r, s in real if s.concern and not r.concern],
        "need not found": [r.id for r, s in real if r.need and not s.need],
        "another need": [r.id for r, s in real if r.need and s.need and s.need not in r.needs],
    }
    return "\n".join(f"- {name} ({len(ids)}): {' '.join(ids) or 'none'}" for name, ids in kinds.items())


def page(results: Results) -> str:
    """The whole page."""
    real = f"Not measured in this run: {results.absent}" if results.absent else real_errors(results.pairs)
    certainty = "\n".join(
        f"- {name}: expected calibration error {error:.3f} over {count} answers"
        for name, (error, count) in results.calibration.items()
    )
    pictures = "\n".join(f"![{Path(name).stem}]({PICTURES}/{name})" for name in results.pictures)
    return f"""# How well it understands

Written by `make eval`; do not edit. What a person has to say about it: [evaluation/notes.md](evaluation/notes.md).
Beside other pipelines: [cross-validation](evaluation/crossvalidation.md), [with Rasa's default](evaluation/compare.md).
Every text goes through `koudmen classify`, so it is read as a message is read. Model `{results.model}`.

The development set is `nlu/eval/dev/`: sentences written by one person without a look at the training data, never
trained on; no speaker of Haitian Creole or Kwéyòl has reviewed them. {results.seen} of them, copies
without accents included, turned out to be in the
training data as well, word for word once normalised; they count for plain intents alone. "Unaccented" groups are the
same sentences without accents; "second" to "twelfth" are other writers' sentences (`dev2` to `dev12`), made
later. What each measured before it had been looked at is in the notes. Nobody here has read the eighth to twelfth:
none of their errors is listed below.
Intervals are Wilson's; that of macro-F1 is a bootstrap. "Without rare ones": over the needs that one
message in fifty or more tells of.

## Targets
{target_table(results.figures)}

## Every figure
{figure_table(results.figures, results.floors)}

## Confidence
Of the answers in which the model named a need, and of those in which it alone heard a concern (half and above only).
The labelled real messages hold four concerns, so nearly every concern heard there alone is a false alarm.

{certainty}

{pictures}

## The {WORST} worst errors in our own sentences
{worst(results.pairs)}

## Real messages
Haitian Creole messages sent to 4636 in 2010, every sixth of the development half, labelled by reading original and
translation, by one person who is no native speaker. A plain call for help after the earthquake is labelled `disaster`.
The texts have no licence and are not in this repository; labels go by id. The copies have lost every accented letter,
which is harder than missing accents.

{real}
"""
