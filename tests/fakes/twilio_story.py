"""The test's side: what is expected to be sent, told as a story, and nothing else."""

from collections.abc import Callable, Iterable

from tests.fakes.twilio_ground import Ground
from tests.fakes.twilio_records import Call, Message


class Story(Ground):
    """Expectations. What is sent and never expected, and every violation, fails `verify`."""

    def begin_story(self, permissive: bool) -> None:
        self.permissive = permissive
        self._told: set[str] = set()

    def expect(
        self,
        to: str | None = None,
        contains: str | Iterable[str] = (),
        *,
        text: str | None = None,
        lacks: str | Iterable[str] = (),
        timeout: float = 5.0,
    ) -> Message:
        """The oldest message that nobody has expected yet, to this address, with all of `contains`, none of `lacks`,
        and exactly `text` if given; waits up to `timeout` seconds for it. Raises AssertionError with what came
        instead."""
        wanted, unwanted = _words(contains), _words(lacks)

        def fits(m: Message) -> bool:
            return (
                (to is None or m.to == to)
                and (text is None or m.text == text)
                and all(w in m.text for w in wanted)
                and not any(w in m.text for w in unwanted)
            )

        found = self._wait(fits, timeout)
        if found is None:
            raise AssertionError(f"no message to {to} with {text or wanted} in {timeout} s; instead:{self._instead()}")
        return found

    def expect_call(self, to: str, timeout: float = 5.0) -> Call:
        """The oldest call to this number that nobody has expected yet."""
        with self.store.changed:
            self.store.changed.wait_for(lambda: any(c.to == to for c in self._open_calls()), timeout)
            for call in self._open_calls():
                if call.to == to:
                    self._told.add(call.sid)
                    return call
        raise AssertionError(f"no call to {to} in {timeout} s")

    def wait_for(self, count: int, timeout: float = 5.0, to: str | None = None) -> list[Message]:
        """Wait until `count` messages have been sent in all (to an address); they still have to be expected or
        collected. Raises AssertionError when they are fewer."""
        with self.store.changed:
            enough = self.store.changed.wait_for(lambda: self._sent(to) >= count, timeout)
        if not enough:
            raise AssertionError(f"{len(self.sent(to))} messages sent in {timeout} s, not {count}")
        return self.sent(to)

    def wait_for_violation(self, timeout: float = 5.0) -> str:
        """The first violation, taken off the list: for tests of a client that does wrong."""
        with self.store.changed:
            if not self.store.changed.wait_for(lambda: bool(self.violations), timeout):
                raise AssertionError(f"no violation in {timeout} s")
            return self.violations.pop(0)

    def sent(self, to: str | None = None) -> list[Message]:
        """All messages accepted from us so far, oldest first."""
        with self.store.changed:
            return [m for m in self.store.outbound if to is None or m.to == to]

    def calls(self, to: str | None = None) -> list[Call]:
        """All calls accepted from us so far."""
        with self.store.changed:
            return [c for c in self.store.calls.values() if to is None or c.to == to]

    def collect(self, to: str | None = None) -> list[Message]:
        """Take what nobody has expected yet (to an address), calls too, as expected. Returns the messages."""
        with self.store.changed:
            found = [m for m in self._open() if to is None or m.to == to]
            calls = [c for c in self._open_calls() if to is None or c.to == to]
            self._told |= {m.sid for m in found} | {c.sid for c in calls}
            return found

    def expect_no_more(self, to: str | None = None) -> None:
        """Raises AssertionError if something was sent (to an address) that nobody has expected."""
        unexpected = [m for m in self._open() if to is None or m.to == to]
        if unexpected:
            raise AssertionError(f"sent, but not expected:{_list(unexpected)}")

    def verify(self) -> None:
        """Raises AssertionError with every violation and every message or call that nobody expected (the latter not
        when permissive)."""
        wrong = list(self.violations)
        if not self.permissive:
            wrong += [f"sent, but not expected: {_line(m)}" for m in self._open()]
            wrong += [f"called, but not expected: {c.to}" for c in self._open_calls()]
        if wrong:
            raise AssertionError("\n  ".join(["the Twilio double found:", *wrong]))

    def _sent(self, to: str | None) -> int:
        return len(self.store.outbound) if to is None else len(self.sent(to))

    def _wait(self, fits: Callable[[Message], bool], timeout: float) -> Message | None:
        def look() -> Message | None:
            return next((m for m in self._open() if fits(m)), None)

        with self.store.changed:
            found: Message | None = self.store.changed.wait_for(look, timeout)
            if found:
                self._told.add(found.sid)
            return found

    def _open(self) -> list[Message]:
        return [m for m in self.sent() if m.sid not in self._told]

    def _open_calls(self) -> list[Call]:
        return [c for c in self.calls() if c.sid not in self._told]

    def _instead(self) -> str:
        others = [f"violation: {v}" for v in self.violations] + [f"refused: {to} {code}" for to, code in self.refused]
        return _list(self._open()) + "".join(f"\n  {line}" for line in others) or " nothing"


def _words(given: str | Iterable[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _line(message: Message) -> str:
    return f"{message.to} [{message.status}] {message.text!r}"


def _list(messages: list[Message]) -> str:
    return "".join(f"\n  {_line(m)}" for m in messages)
