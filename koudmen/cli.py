"""The command line: `koudmen COMMAND`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from base.errors import KoudmenError
from base.settings import ROOT
from koudmen.home import read_addresses

# command -> (module with `main(arguments) -> int`, what it does)
COMMANDS = {
    "up": ("koudmen.up", "start everything and watch it"),
    "db": ("koudmen.commands.db", "upgrade: bring the database to the newest version"),
    "directory": (
        "koudmen.commands.directory",
        "seed, import, export, check, duplicates, merge, stale, verify, edit, history, coverage: who offers what",
    ),
    "worker": ("koudmen.commands.work", "serve queues: worker turn | send | protect"),
    "sweeper": ("koudmen.commands.sweep", "pick up what a crash left"),
    "engine": ("koudmen.commands.engine", "the on-call engine: pages until somebody takes a case"),
    "staff": ("koudmen.commands.staff", "add, list, verify, reset, disable: accounts"),
    "audit": ("koudmen.commands.audit", "verify, export: the log of who saw and did what"),
    "rota": ("koudmen.commands.rota", "add, rotate, list, gaps: who is on duty"),
    "oncall": ("koudmen.commands.oncall", "cases, take, pass, close, alarms, pages: the duty from the shell"),
    "drill": ("koudmen.commands.drill", "start, stop, scenarios, report: exercises"),
    "chat": ("koudmen.commands.chat", "talk to the bot in the terminal"),
    "classify": ("koudmen.commands.classify", "JSON lines in, readings out"),
    "nlu": ("koudmen.commands.nlu", "train, list, rollback: models that learn from approved examples"),
    "phrases": ("koudmen.commands.phrases", "check: are the catalogues complete and within their segments"),
    "purge": ("koudmen.commands.purge", "erase what `retention` says, now (the sweeper does it too)"),
    "reconcile": ("koudmen.commands.reconcile", "take in what Twilio has and we have not, now"),
    "backup": ("koudmen.commands.backup", "FILE: back the database up; --drill tries a backup, --restore puts it back"),
    "doctor": ("koudmen.commands.doctor", "check this deployment and say what is wrong"),
    "sops": ("koudmen.commands.sops", "check: are the procedures of all concerns complete"),
    "keys": ("koudmen.commands.keys", "rotate, rewrite, status: change the key of what is encrypted"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Faults that people can mend are told in one sentence; exit code 2."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in {"-h", "--help"}:
        print(_usage())
        return 0
    if words[0] not in COMMANDS:
        print(f"koudmen: no command '{words[0]}'\n{_usage()}", file=sys.stderr)
        return 2
    _running_service()
    run: Callable[[Sequence[str]], int] = import_module(COMMANDS[words[0]][0]).main
    try:
        return run(words[1:])
    except KoudmenError as error:
        print(f"koudmen {words[0]}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _running_service() -> None:
    """While `make up` runs in this home, commands reach its database, Valkey and Rasa unless told otherwise."""
    home = Path(os.environ.get("KOUDMEN_HOME") or ROOT / ".koudmen")
    for name, value in read_addresses(home).items():
        os.environ.setdefault(name, value)


def _usage() -> str:
    lines = [f"  {name:<10} {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(["koudmen COMMAND …  (koudmen COMMAND --help says more)", *lines])


def parser(command: str) -> argparse.ArgumentParser:
    """A parser for one command's own arguments."""
    return argparse.ArgumentParser(prog=f"koudmen {command}", description=COMMANDS[command][1])


if __name__ == "__main__":
    sys.exit(main())
