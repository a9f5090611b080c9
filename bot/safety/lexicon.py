"""Reads and checks the phrase files, and finds which phrases stand in a text."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from base.errors import ConfigError
from bot.safety.pattern import STEM, Pattern, compile_phrase, word_list

CONCERNS = (
    "danger self_harm child_abuse sea trafficking sexual_violence vulnerable_adult domestic_violence discrimination"
).split()
SEVERITIES = ("standard", "high", "critical")
USUAL = {"danger": "critical", "discrimination": "standard"}  # taxonomy.yml; every other concern is high
_TOP = set(
    "language own_words speaker telling harmless asking negation not_negation words contexts about critical_if "
    "rules".split()
)
_RULE = {"id", "concern", "say", "unless", "part_of", "severity", "ask"}


class LexiconError(ConfigError):
    """A phrase file is wrong; the message names file, line and reason."""


@dataclass(frozen=True)
class Rule:
    """Phrases that speak of one concern. `unless` (close by) and `part_of` (around a whole phrase) make them harmless,
    `ask` makes them a question only."""

    id: str
    concern: str
    severity: str
    ask: bool
    unless: tuple[Pattern, ...]
    part_of: tuple[Pattern, ...] = ()


@dataclass(frozen=True)
class Shift:
    """What changes a finding of these concerns: another concern, or the critical severity (`to` is None)."""

    concerns: frozenset[str]
    to: str | None
    any: tuple[Pattern, ...]


@dataclass
class Lexicon:
    """One language's phrases, ready to be looked up."""

    language: str
    own: frozenset[str] = frozenset()
    speaker: frozenset[str] = frozenset()
    telling: frozenset[str] = frozenset()
    harmless: tuple[Pattern, ...] = ()
    asking: tuple[Pattern, ...] = ()
    negation: frozenset[str] = frozenset()
    not_negation: tuple[Pattern, ...] = ()
    shifts: tuple[Shift, ...] = ()
    by_word: dict[str, list[tuple[int, Rule, Pattern]]] = field(default_factory=dict)
    by_stem: dict[str, list[tuple[int, Rule, Pattern]]] = field(default_factory=dict)
    size: int = 0

    def add(self, rule: Rule, pattern: Pattern) -> None:
        """Index one phrase under the words without which it cannot stand."""
        entry = (self.size, rule, pattern)
        self.size += 1
        for anchor in pattern.anchors:
            index, key = (self.by_stem, anchor[:-1]) if anchor.endswith("*") else (self.by_word, anchor)
            index.setdefault(key, []).append(entry)

    def candidates(self, words: Set[str]) -> Iterator[tuple[Rule, Pattern]]:
        """The phrases worth trying on a text of these words, in the order of the file."""
        hits: dict[int, tuple[Rule, Pattern]] = {}
        for entries in self._listed(words):
            for number, rule, pattern in entries:
                if number not in hits and pattern.possible(words):
                    hits[number] = (rule, pattern)
        return (hits[number] for number in sorted(hits))

    def _listed(self, words: Set[str]) -> Iterator[list[tuple[int, Rule, Pattern]]]:
        """What is indexed under these words and their beginnings."""
        for word in self.by_word.keys() & words:  # this way round it is quick
            yield self.by_word[word]
        if self.by_stem:
            for word in words:
                for length in range(STEM, len(word) + 1):
                    if found := self.by_stem.get(word[:length]):
                        yield found


def load(path: Path) -> Lexicon:
    """One phrase file. Raises LexiconError naming file and line."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LexiconError(f"{path.name}: {' '.join(str(error).split())}") from error
    return _File(path.name, node).lexicon()


class _File:
    """One file while it is being read: keeps the lines for messages."""

    def __init__(self, name: str, node: yaml.Node | None) -> None:
        self.name = name
        self.top = self.mapping(node, _TOP) if node else {}
        self.language = self.text(self.top["language"]) if "language" in self.top else name.partition(".")[0]
        self.words: dict[str, tuple[str, ...]] = {}
        self.contexts: dict[str, tuple[Pattern, ...]] = {}

    def fail(self, node: yaml.Node | None, reason: str) -> LexiconError:
        line = node.start_mark.line + 1 if node else 1
        return LexiconError(f"{self.name}, line {line}: {reason}")

    def mapping(self, node: yaml.Node | None, allowed: set[str] | None = None) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self.fail(node, "expected 'name: value' lines")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if allowed is not None and key.value not in allowed:
                raise self.fail(key, f"unknown word '{key.value}', expected one of: {', '.join(sorted(allowed))}")
            if key.value in found:
                raise self.fail(key, f"'{key.value}' stands here twice")
            found[key.value] = value
        return found

    def items(self, node: yaml.Node | None) -> list[Any]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self.fail(node, "expected a list ('- ...' lines)")
        return list(node.value)

    def text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self.fail(node, "expected one line of text")
        return str(node.value)

    def list_of_words(self, node: yaml.Node) -> tuple[str, ...]:
        try:
            return word_list(self.text(node), self.words, self.language)
        except ValueError as error:
            raise self.fail(node, str(error)) from error

    def pattern(self, node: yaml.Node) -> Pattern:
        try:
            return compile_phrase(self.text(node), self.words, self.language)
        except ValueError as error:
            raise self.fail(node, f"{error} (in '{self.text(node)}')") from error

    def patterns(self, node: yaml.Node | None) -> tuple[Pattern, ...]:
        found: list[Pattern] = []
        for item in self.items(node):
            text = self.text(item)
            if not text.startswith("@"):
                found.append(self.pattern(item))
            elif text[1:] in self.contexts:
                found.extend(self.contexts[text[1:]])
            else:
                raise self.fail(item, f"there is no context '{text}'")
        return tuple(found)

    def choice(self, node: yaml.Node, allowed: Iterable[str]) -> str:
        if (value := self.text(node)) not in allowed:
            raise self.fail(node, f"'{value}' is not one of: {', '.join(allowed)}")
        return value

    def lexicon(self) -> Lexicon:
        top = self.top
        for name, node in self.mapping(top["words"]).items() if "words" in top else ():
            self.words[name] = self.list_of_words(node)
        for name, node in self.mapping(top["contexts"]).items() if "contexts" in top else ():
            self.contexts[name] = self.patterns(node)
        found = Lexicon(self.language, not_negation=self.patterns(top.get("not_negation")))
        for key, name in (("own_words", "own"), ("speaker", "speaker"), ("telling", "telling")):
            if key in top:
                setattr(found, name, frozenset(self.list_of_words(top[key])))
        found.harmless, found.asking = self.patterns(top.get("harmless")), self.patterns(top.get("asking"))
        if "negation" in top:
            found.negation = frozenset(self.list_of_words(top["negation"]))
        found.shifts = (
            *map(self.shift, self.items(top.get("about"))),
            *map(self.shift, self.items(top.get("critical_if"))),
        )
        seen: set[str] = set()
        for node in self.items(top.get("rules")):
            self.rule(node, found, seen)
        return found

    def shift(self, node: yaml.Node) -> Shift:
        parts = self.mapping(node, {"concerns", "to", "any"})
        concerns = frozenset(self.choice(item, CONCERNS) for item in self.items(parts.get("concerns")))
        to = self.choice(parts["to"], CONCERNS) if "to" in parts else None
        return Shift(concerns, to, self.patterns(parts.get("any")))

    def rule(self, node: yaml.Node, lexicon: Lexicon, seen: set[str]) -> None:
        parts = self.mapping(node, _RULE)
        for needed in ("id", "concern", "say"):
            if needed not in parts:
                raise self.fail(node, f"this rule has no '{needed}'")
        name = self.text(parts["id"])
        if name in seen:
            raise self.fail(parts["id"], f"the id '{name}' is used twice")
        seen.add(name)
        concern = self.choice(parts["concern"], CONCERNS)
        severity = self.choice(parts["severity"], SEVERITIES) if "severity" in parts else USUAL.get(concern, "high")
        ask = "ask" in parts and self.choice(parts["ask"], ("yes", "no")) == "yes"
        unless, part_of = self.patterns(parts.get("unless")), self.patterns(parts.get("part_of"))
        rule = Rule(f"{self.language}.{name}", concern, severity, ask, unless, part_of)
        for item in self.items(parts["say"]):
            lexicon.add(rule, self.pattern(item))
