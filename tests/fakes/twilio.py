"""The Twilio double for tests, and by hand: `python -m tests.fakes.twilio --port 8010` against a running `make up`."""

import argparse
import shlex
import sys
from collections.abc import Sequence

from tests.fakes.twilio_double import TwilioDouble
from tests.fakes.twilio_flood import Flood, Sent
from tests.fakes.twilio_lives import CallbackResult
from tests.fakes.twilio_records import Call, Message

__all__ = ["Call", "CallbackResult", "Flood", "Message", "Sent", "TwilioDouble", "main"]


class _Shown(TwilioDouble):
    def arrived(self, message: Message) -> None:
        arrow = "->" if message.direction == "inbound" else "<-"
        theirs = message.from_ if message.direction == "inbound" else message.to
        print(f"{message.created:%H:%M:%S} {arrow} {theirs} [{message.num_segments}] {message.text}", flush=True)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.twilio", description=__doc__)
    parser.add_argument("--port", type=int, default=8010)
    parser.add_argument("--public-base-url", default="http://127.0.0.1:8000", help="what our webhooks are signed for")
    parser.add_argument("--target", default="", help="where they are really sent, when that is elsewhere")
    parser.add_argument("--callbacks", default="in order", choices=["in order", "reversed", "duplicate", "none"])
    parser.add_argument("--read-receipts", action="store_true")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Run until the end of the input. Each line `+1767… text` or `whatsapp:+1767… text` is a person who writes."""
    arguments = _arguments(given)
    double = _Shown(arguments.public_base_url, target=arguments.target, port=arguments.port, permissive=True)
    double.callbacks, double.read_receipts = arguments.callbacks, arguments.read_receipts
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in double.environment().items())
    print(f"Start the service with:\n  {settings} KOUDMEN_REHEARSAL=1 make up\nThen write, one message a line:")
    print("  +17675550101 I need a doctor in Portsmouth\n  whatsapp:+17675550102 mwen bezwen yon dokte", flush=True)
    try:
        for line in sys.stdin:
            _write(double, line.strip())
    except KeyboardInterrupt:
        print()
    finally:
        double.stop()
    return _report(double)


def _write(double: TwilioDouble, line: str) -> None:
    sender, _, text = line.partition(" ")
    if not sender:
        return
    send = double.send_whatsapp if sender.startswith("whatsapp:") else double.send_sms
    answer = send(sender, text)
    print(f"         webhook: {answer.status or 'no answer'} in {answer.seconds * 1000:.0f} ms", flush=True)


def _report(double: TwilioDouble) -> int:
    for violation in double.violations:
        print(f"violation: {violation}")
    return 1 if double.violations else 0


if __name__ == "__main__":
    sys.exit(main())
