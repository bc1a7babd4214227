"""What a freshly forked process does to become an instance."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from catnap.errors import CatnapError
from catnap.host import output, process
from catnap.host.instance import Listening, run
from catnap.host.loader import load
from catnap.host.settings import read_settings


@dataclass(frozen=True, slots=True)
class Birth:
    """What the gateway gave for it. The descriptors belong to the child."""

    folder: str
    env: Mapping[str, str]
    listening: int
    status: int
    stdout: int
    stderr: int


def live(birth: Birth, parent: int) -> int:
    """Leaves everything of the parent behind and serves; gives the exit status.

    parent: the zygote's process id. Signals come in blocked and are let
    through once they have their own meaning here.
    """
    process.die_with_parent()
    if os.getppid() != parent:
        return 1  # it died before the kernel had been asked to tell
    os.setsid()
    _forget_signals()
    _take_streams(birth)
    os.environ.clear()
    os.environ.update(birth.env)
    _reseed()
    gc.enable()
    try:
        settings = read_settings(birth.env)
        if settings.json_log:
            output.redirect()
        else:
            output.by_lines(sys.stdout)
        loaded = load(birth.folder, settings.concurrency)
        sock = socket.socket(fileno=birth.listening)
        finished = run(
            loaded,
            settings,
            sock,
            lambda listening: _tell_ready(birth.status, listening),
            draining=lambda: _tell(birth.status, {"draining": True}),
        )
        if finished:
            _tell(birth.status, {"drained": True})
    except CatnapError as error:
        _tell(birth.status, {"error": error.message})
        return 1
    return 0


def _forget_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _take_streams(birth: Birth) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((null, 0), (birth.stdout, 1), (birth.stderr, 2)):
        os.dup2(descriptor, place)
        os.close(descriptor)


def _reseed() -> None:
    """Random state that the fork has copied; `random` sees to its own."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _tell_ready(status: int, listening: Listening) -> None:
    _tell(status, {"ready": True, "import_ms": listening.import_ms, "init_ms": listening.init_ms})


def _tell(status: int, message: Mapping[str, object]) -> None:
    with contextlib.suppress(OSError):  # nobody waits for it any more
        os.write(status, msgspec.json.encode(message) + b"\n")
