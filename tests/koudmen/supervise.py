"""A supervisor over small programs, for the tests: `python -m tests.koudmen.supervise HOME JSON`.

JSON is a list of [name, stop_order, grace_s, program text]; a name that starts with "task" is run to its end first.
"""

import json
import sys
from pathlib import Path

from base.errors import Refused
from koudmen import home
from koudmen.process import Process, environment
from koudmen.supervisor import Stopped, Supervisor


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    folder = Path(sys.argv[1])
    home.make(folder, needed_mb=0)
    try:
        with Supervisor(folder, say) as supervisor:
            for name, order, grace, program in json.loads(sys.argv[2]):
                argv = (sys.executable, "-S", "-u", "-c", program)
                env = environment(folder)
                process = Process(name, argv, folder, env, stop_order=order, grace_s=grace)
                if name.startswith("task"):
                    supervisor.run(process)
                else:
                    supervisor.start(process)
            say("watching")
            supervisor.watch()
            say("stopping")
    except Stopped:
        say("stopped early")
    except Refused as error:
        say(f"refused: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
