"""Threads that a skill starts work for the call that started them.

Of themselves they would work for none: a thread begins without the context
variables of the one that started it, before Python 3.14 always and since then
by default.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from catnap.host import output
from catnap.skills import Context


def inherit() -> None:
    """From here on, for all threads of the process and all thread pools."""
    thread: Any = threading.Thread
    pool: Any = ThreadPoolExecutor
    thread.start = _starting(thread.start)
    pool.submit = _submitting(pool.submit)


def _starting(begin: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    def start(self: threading.Thread) -> None:
        call = _name_of_call()
        if call is not None:
            self.run = _working_for(call, self.run)  # type: ignore[method-assign]
        begin(self)

    return start


def _submitting(submit: Callable[..., Any]) -> Callable[..., Any]:
    def submit_for_call(
        self: ThreadPoolExecutor, work: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        call = _name_of_call()
        if call is not None:
            work = _working_for(call, work)
        return submit(self, work, *args, **kwargs)

    return submit_for_call


def _name_of_call() -> Context | None:
    """What records say of it, without the payload: a thread may live on."""
    call = output.running.get()
    if call is None:
        return None
    event = msgspec.structs.replace(call.event, data=None)
    return Context(event=event, task=call.task, traceparent=call.traceparent)


def _working_for(call: Context, work: Callable[..., Any]) -> Callable[..., Any]:
    def working(*args: Any, **kwargs: Any) -> Any:
        before = output.running.set(call)
        try:
            return work(*args, **kwargs)
        finally:
            output.finish()
            output.running.reset(before)

    return working
