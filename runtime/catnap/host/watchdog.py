"""Ends an instance that a call has stopped: nobody else would.

Skill code that never returns to the event loop, or that runs on past its call's
deadline whatever it is told, keeps an instance from answering for ever. The local
platform looks after its own; on Knative such a pod is merely not ready, and
stays so.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable

STATUS = 70
"""Exit status of a process that was stuck."""

LATE = 2.0
"""Seconds past its deadline in which a call has to end, and the loop to answer."""

TICK = 1.0


def watch(
    loop: asyncio.AbstractEventLoop,
    late: Callable[[float], bool],
    overdue: Callable[[float], bool],
    retire: Callable[[], None],
) -> None:
    """Starts a thread that looks every second.

    late, overdue: whether at this moment of the loop's time a call, or a thread
    that runs one, should have ended before. retire: ends the instance in good
    order, called by the loop; a loop that does not answer is not asked.
    """
    threading.Thread(
        target=_watch,
        args=(loop, threading.get_ident(), late, overdue, retire),
        daemon=True,
        name="catnap-watchdog",
    ).start()


def _watch(
    loop: asyncio.AbstractEventLoop,
    loops_thread: int,
    late: Callable[[float], bool],
    overdue: Callable[[float], bool],
    retire: Callable[[], None],
) -> None:
    while True:
        time.sleep(TICK)
        then = loop.time() - LATE
        if not late(then) and not overdue(then):
            continue
        answered = threading.Event()
        try:
            loop.call_soon_threadsafe(answered.set)
            if not answered.wait(LATE):
                _end(loops_thread)
            time.sleep(TICK)  # a loop that was held has only now told its calls to end
            if late(then) or overdue(then):
                sys.stderr.write("a call runs on past its deadline: the instance ends\n")
                loop.call_soon_threadsafe(retire)
                return
        except RuntimeError:
            return  # the loop is closed: the process is about to exit


def _end(thread: int) -> None:
    sys.stderr.write("a call holds the event loop past its deadline, here:\n")
    traceback.print_stack(sys._current_frames().get(thread), file=sys.stderr)
    os._exit(STATUS)
