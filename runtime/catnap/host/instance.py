"""The life of an instance: serve, drain on SIGTERM, end."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable

import msgspec

from catnap.host.app import App
from catnap.host.loader import Loaded
from catnap.host.loop import loop_factory
from catnap.host.settings import Settings
from catnap.host.watchdog import watch
from catnap.http import Server

LAST = 1.0
"""Seconds for what the skill has left behind on the loop to end."""


class Listening(msgspec.Struct, frozen=True):
    """Where it can be reached, and what the start took, in milliseconds."""

    address: str
    import_ms: float
    init_ms: float


def run(
    loaded: Loaded,
    settings: Settings,
    sock: socket.socket,
    ready: Callable[[Listening], None],
    *,
    draining: Callable[[], None] = lambda: None,
    tell_start: bool = False,
    watched: bool = True,
) -> bool:
    """Serves on a bound socket until SIGTERM or SIGINT, then finishes what is
    at work and returns: True if whatever it did not answer was not begun.

    ready: called once it listens. draining: called once it was told to end,
    while it still takes calls. tell_start: the first answer's
    Server-Timing says what import and init took, where nobody else will.
    watched: somebody else ends an instance that no longer answers.
    """
    # asyncio.Runner would wait without end for what the skill has left behind.
    loop = (loop_factory() or asyncio.new_event_loop)()
    try:
        return loop.run_until_complete(
            _serve(loaded, settings, sock, ready, draining, tell_start, watched)
        )
    finally:
        loop.run_until_complete(_end_tasks())
        loop.close()


async def _serve(
    loaded: Loaded,
    settings: Settings,
    sock: socket.socket,
    ready: Callable[[Listening], None],
    draining: Callable[[], None],
    tell_start: bool,
    watched: bool,
) -> bool:
    began = time.perf_counter()
    timings: dict[str, float] = {}
    app = App(
        loaded.function,
        name=loaded.manifest.name,
        folder=loaded.folder,
        concurrency=loaded.concurrency,
        timeout=loaded.manifest.limits.timeout,
        callback=settings.callback,
        egress=settings.egress,
        workspaces=settings.workspaces,
        keeps=settings.keeps,
        instance=settings.instance,
        timings=timings,
        installs=bool(loaded.manifest.packages.allow),
    )
    server = Server(app)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    host, port = await server.listen(sock=sock)
    init_ms = (time.perf_counter() - began) * 1000
    took = f"import={loaded.import_ms:.3f};init={init_ms:.3f}"
    app.ready = f"{time.time():.6f};{took}".encode()
    if tell_start:
        timings.update({"import": loaded.import_ms, "init": init_ms})
    address = f"unix:{host}" if sock.family == socket.AF_UNIX else f"http://{host}:{port}"
    if not watched:
        watch(loop, app.late, app.function.overdue, stop.set)
    ready(Listening(address, loaded.import_ms, init_ms))
    await stop.wait()
    app.draining = True
    draining()
    finished = await server.drain(settings.grace)
    await app.close()
    return finished


async def _end_tasks() -> None:
    """Tells tasks and generators to end. What takes no notice, and a thread at
    work, is left for the process to take along."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.wait([*tasks, loop.create_task(loop.shutdown_asyncgens())], timeout=LAST)
