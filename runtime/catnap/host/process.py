"""What a process asks of its kernel, where the kernel has it."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from typing import NoReturn

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """SIGKILL for this process when the thread that started it ends.

    Linux only; elsewhere the end of the control socket must do. Does not
    outlast an exec of a set-user-ID program.
    """
    if sys.platform == "linux":
        import ctypes  # 4 ms that an instance which is not forked does not need

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


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
