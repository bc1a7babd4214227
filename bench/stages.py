"""What each stage of a call costs the gateway, by a clock around each of them.

The gateway runs in this process under load. A stage's time is its own CPU time,
without that of the stages it calls; what no stage has is the event loop's and,
apart, the journal's thread's. What the clocks themselves take is measured before,
and left out.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import threading
import time
import types
from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

from bench import exchange, processes, wrk
from bench.servers import LOAD_CORE, SERVER_CORE
from catnap.calls import deliver, pipeline
from catnap.calls.metrics import Metrics
from catnap.gateway import door, skill
from catnap.gateway.serve import Ready, serve
from catnap.gateway.settings import Settings
from catnap.http import Client, server_connection
from catnap.http.client_connection import ClientConnection
from catnap.services.fleet import Fleet
from catnap.services.folder import FolderCatalog
from catnap.services.local import LocalPlatform
from catnap.services.local.delivering import Delivering
from catnap.services.local.exchange import Exchange, Sent
from catnap.services.pool import Pool
from catnap.tasks import Journal

CONNECTIONS = 64
LOOP = "event loop"
_TRIALS = 20_000

STAGES: dict[str, list[tuple[Any, str]]] = {
    "parse": [(server_connection.ServerConnection, "data_received")],
    "authenticate": [(door, "principal"), (door, "allow")],
    "understand": [(skill, "http_call")],
    "admit": [(pipeline, "admit")],
    "record": [(pipeline, "task_of"), (Journal, "note")],
    "route": [(deliver, "route"), (FolderCatalog, "revision")],
    "grant, headers": [(deliver.Deliverer, "_request")],
    "place": [(Fleet, "pool"), (Pool, "acquire"), (Pool, "release")],
    "exchange": [
        *((LocalPlatform, "deliver"), (Delivering, "__aenter__"), (Delivering, "__aexit__")),
        *((Exchange, "send"), (Sent, "__aenter__"), (Sent, "__aexit__")),
    ],
    "send": [(Client, "request")],
    "receive": [(ClientConnection, "data_received")],
    "settle": [(pipeline.Pipeline, "_end"), (Metrics, "call")],
    "answer": [(skill, "_about"), (server_connection.ServerConnection, "_serve")],
    "between them": [(pipeline.Pipeline, "answer")],
}
"""Where each stage is found: what holds the function, and its name."""


class Clock:
    """Time by stage. Stages that call one another form a stack; below them all
    is the event loop."""

    def __init__(self, inside: float = 0.0, outside: float = 0.0) -> None:
        """inside, outside: seconds that a look at the clock costs the stage that
        begins, and the one that it interrupts."""
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._stack = [LOOP]
        self._since = 0.0
        self._inside, self._outside = inside, outside
        self.own = 0.0
        """What it has taken itself."""

    def enter(self, name: str) -> None:
        now = time.thread_time()
        outer = self._stack[-1]
        if outer is not LOOP:
            self.spent[outer] += now - self._since
        self.own += self._inside + self._outside
        self.spent[outer] -= self._outside
        self.spent[name] -= self._inside
        self._stack.append(name)
        self._since = now

    def leave(self) -> None:
        now = time.thread_time()
        self.spent[self._stack.pop()] += now - self._since
        self._since = now

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                return await self.steps(name, function(*args, **kwargs))

            return awaited

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            self.enter(name)
            try:
                return function(*args, **kwargs)
            finally:
                self.leave()

        return called

    @types.coroutine
    def steps(self, name: str, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """A coroutine's steps; while it waits, its time stands still."""
        step: Callable[[], Any] = functools.partial(work.send, None)
        while True:
            self.enter(name)
            try:
                waiting = step()
            except StopIteration as end:
                return end.value
            finally:
                self.leave()
            try:
                yield waiting
            except BaseException as error:
                step = functools.partial(work.throw, error)
            else:
                step = functools.partial(work.send, None)


def calibrated() -> Clock:
    """A clock that knows what it costs."""
    trial = Clock()
    inner = trial.around("inner", lambda: None)
    trial.around("outer", lambda: [inner() for _ in range(_TRIALS)])()
    return Clock(trial.spent["inner"] / _TRIALS, trial.spent["outer"] / _TRIALS)


def measure(home: Path, functions: Path, seconds: int) -> dict[str, float]:
    """Microseconds of CPU a call, by stage."""
    print("  stages", flush=True)
    clock = calibrated()
    kept = [(each, name, getattr(each, name)) for found in STAGES.values() for each, name in found]
    for stage, found in STAGES.items():
        for each, name in found:
            setattr(each, name, clock.around(stage, getattr(each, name)))
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # as `catnap serve` does
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        with asyncio.Runner() as runner:
            return runner.run(_measure(clock, home, functions, seconds))
    finally:
        os.sched_setaffinity(0, cores)
        for each, name, function in kept:
            setattr(each, name, function)


async def _measure(clock: Clock, home: Path, functions: Path, seconds: int) -> dict[str, float]:
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    anywhere = "127.0.0.1:0"
    settings = Settings(home=home, http=anywhere, grpc=anywhere, functions=functions, reload=False)
    running = asyncio.create_task(serve(settings, lambda text: None, ready.set_result))
    await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        await running
    try:
        processes.pin(set(processes.tree(os.getpid())) - {os.getpid()}, LOAD_CORE)
        key = (home / "admin.key").read_text().strip()
        headers = {**exchange.EVENT, "authorization": f"Bearer {key}"}
        address = f"{ready.result().http}/skills/echo"
        await asyncio.to_thread(wrk.load, address, CONNECTIONS, 1, headers)
        clock.spent.clear()
        clock.own = 0.0
        journal, before = _journal_cpu(), time.thread_time()
        load = await asyncio.to_thread(wrk.load, address, CONNECTIONS, seconds, headers)
        loop, journal = time.thread_time() - before, _journal_cpu() - journal
    finally:
        running.cancel()
        await asyncio.wait((running,))
    spent = {stage: clock.spent[stage] for stage in STAGES}
    spent |= {LOOP: loop - clock.own - sum(spent.values()), "journal's thread": journal}
    return {stage: round(each * 1e6 / load.requests, 1) for stage, each in spent.items()}


def _journal_cpu() -> float:
    [thread] = [each for each in threading.enumerate() if each.name == "store"]
    assert thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
