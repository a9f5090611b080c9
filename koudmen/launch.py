"""Start one program as a child that does not outlive its parent. Run by path, with only the standard library:

`python -I -S launch.py PARENT SIGNAL USER PROGRAM [ARGUMENT ...]`

PARENT is the process id of the caller; when it ends, however it ends, the program gets SIGNAL (Linux). USER is `same`,
or `nobody` for a program that refuses to run as root (PostgreSQL): root then becomes that user but keeps its right
to open files, so that neither the folders above nor the program's own files must be opened to everybody.
Exit codes: 127 when PROGRAM cannot be started, 126 when the user cannot be changed.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
NOBODY = "nobody"


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapSet(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def become_nobody() -> None:
    """From root to `nobody`, keeping (on Linux) the right to open files. Raises OSError or KeyError."""
    import pwd  # noqa: PLC0415 (most starts do not need it)

    user = pwd.getpwnam(NOBODY)
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux":
        _check(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if sys.platform == "linux":
        _keep_file_rights(libc)


def _keep_file_rights(libc: ctypes.CDLL) -> None:
    header, sets = _CapHeader(CAP_VERSION_3, 0), (_CapSet * 2)()
    _check(libc.capget(ctypes.byref(header), sets))
    kept = [bit for bit in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH) if sets[0].permitted & (1 << bit)]
    mask = sum(1 << bit for bit in kept)
    wanted = (_CapSet * 2)(_CapSet(mask, mask, mask), _CapSet(0, 0, 0))
    _check(libc.capset(ctypes.byref(header), wanted))
    for bit in kept:
        _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, bit, 0, 0))


def end_with(parent: int, signum: int) -> None:
    """Ask the kernel for `signum` when the parent ends; leave at once when it already has."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0))
    if os.getppid() != parent:
        sys.exit(0)


def main(arguments: list[str]) -> int:
    """Become the program; returns only when that failed."""
    parent, signum, user, *program = arguments
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    try:
        if user == NOBODY:
            become_nobody()
    except (OSError, KeyError) as error:
        print(f"cannot become the user {NOBODY!r} to run {program[0]}: {error}", file=sys.stderr)
        return 126
    # After the change of user, which clears it.
    end_with(int(parent), int(signum))
    try:
        os.execvp(program[0], program)  # noqa: S606 (no shell is meant)
    except OSError as error:
        print(f"cannot start {program[0]}: {error.strerror}", file=sys.stderr)
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
