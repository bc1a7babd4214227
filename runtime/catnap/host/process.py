"""What a process asks of its kernel, where the kernel has it."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import signal
import struct
import sys
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522


@functools.cache
def libc() -> Any:
    """The C library, which keeps its errno."""
    import ctypes  # 4 ms that an instance which is not forked does not need

    return ctypes.CDLL(None, use_errno=True)


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """A signal for this process when the thread that started it ends.

    Linux only, as all that is asked here; elsewhere the end of the control
    socket must do. Does not outlast an exec of a set-user-ID program.
    """
    _ask(_PR_SET_PDEATHSIG, number)


def adopt() -> None:
    """From here on whoever loses his parent below this process becomes its child."""
    _ask(_PR_SET_CHILD_SUBREAPER, 1)


def keep_secrets() -> None:
    """Closes this process's memory and environment to other processes of its
    user, and to debuggers; what it executes is open again."""
    _ask(_PR_SET_DUMPABLE, 0)


def renounce() -> None:
    """Gives up root's powers over what belongs to others, and any way to them."""
    _ask(_PR_SET_NO_NEW_PRIVS, 1)
    if sys.platform == "linux":
        # No bit in any of the three sets, each of two words.
        libc().capset(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24))


def _ask(option: int, value: int) -> None:
    if sys.platform == "linux":
        libc().prctl(option, value, 0, 0, 0)


def name(text: str) -> None:
    """What ps and top call this process: the first 15 bytes, where the kernel lets us."""
    with contextlib.suppress(OSError):
        comm = os.open("/proc/self/comm", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(comm, text.encode()[:15])
        finally:
            os.close(comm)


def leave(code: int) -> NoReturn:
    """Ends the process at once, after its exit callbacks and its output.

    A sync skill that never returns, or a thread that a preloaded library
    lost in the fork, would hold up the interpreter's own way out.
    """
    try:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except Exception:  # noqa: S110 - the exit status is what counts now
        pass
    finally:
        os._exit(code)
