"""What a freshly forked process does to become an instance."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import socket
import sys

import msgspec

from catnap.errors import CatnapError
from catnap.host import cgroup, confine, landlock, output, process
from catnap.host.instance import Listening, run
from catnap.host.landlock import Ruleset
from catnap.host.loader import load
from catnap.host.orders import DESCRIPTORS, PACKET, Fork, State
from catnap.host.randomness import Randomness
from catnap.host.redirect import redirect
from catnap.host.rehearsal import rehearse
from catnap.host.settings import read_settings

ALLOCATION = 1 << 30
"""Bytes beyond its limit that one process may ask the kernel for. Much of what
is asked for is never used, such as most of a thread's stack; but what asks for
more would take the machine's memory before anybody who watches could see it."""


class Embryo(msgspec.Struct, frozen=True):
    """What the zygote gives a child on its way: a socket that the order for it
    comes through, the cgroup it belongs to, and the random state to be renewed.
    readable: what it may read besides its own. parent: the zygote's process id.
    ahead: nobody waits for it yet."""

    inbox: socket.socket
    cgroup: str
    readable: tuple[str, ...]
    randomness: Randomness
    parent: int
    ahead: bool


def live(embryo: Embryo) -> int:
    """Leaves everything of the parent behind, waits to be born, and serves;
    gives the exit status.

    Signals come in blocked and are let through once they have their own
    meaning here.
    """
    cgroup.enter(embryo.cgroup)
    process.die_with_parent()
    if os.getppid() != embryo.parent:
        return 1  # it died before the kernel had been asked to tell
    os.setsid()
    if not embryo.cgroup:
        process.adopt()
    _forget_signals()
    embryo.randomness.renew()
    os.environ.clear()
    if embryo.ahead:
        # It may have been born meanwhile: then this is for the instance.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        rehearse()
        _forget_signals()
    ruleset = confine.prepare(embryo.readable)
    packet, descriptors, _, _ = socket.recv_fds(
        embryo.inbox, PACKET, DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
    )
    embryo.inbox.close()
    if not packet:
        return 0  # never born
    return _serve(msgspec.json.decode(packet, type=Fork), ruleset, *descriptors)


def _serve(
    order: Fork,
    ruleset: Ruleset | None,
    listening: int,
    status: int,
    stdout: int,
    stderr: int,
    secrets: int = -1,
) -> int:
    process.name(order.id)
    _take_streams(stdout, stderr)
    os.environ.update(order.env)
    if secrets >= 0:
        os.environ["CATNAP_SECRETS"] = f"/proc/self/fd/{secrets}"
    gc.enable()
    try:
        settings = read_settings(order.env)
        if settings.json_log:
            redirect()
        else:
            output.by_lines(sys.stdout)
        if order.memory:
            most = order.memory + ALLOCATION
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        if order.scratch:
            out = [each.port for each in (settings.callback, settings.egress) if each]
            writable = [each for each in (order.scratch, settings.workspaces) if each]
            if ruleset is not None and settings.uv:
                ruleset.allow([settings.uv], landlock.READ)
            confine.close(ruleset, order.folder, writable, out)
        elif ruleset is not None:
            ruleset.close()
        loaded = load(order.folder, settings.concurrency)
        finished = run(
            loaded,
            settings,
            socket.socket(fileno=listening),
            lambda ready: _tell_ready(status, ready),
            draining=lambda: _tell(status, State(draining=True)),
        )
        if finished:
            _tell(status, State(drained=True))
    except CatnapError as error:
        _tell(status, State(error=error.message))
        return 1
    return 0


def _forget_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _take_streams(stdout: int, stderr: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((null, 0), (stdout, 1), (stderr, 2)):
        os.dup2(descriptor, place)
        os.close(descriptor)


def _tell_ready(status: int, ready: Listening) -> None:
    _tell(status, State(ready=True, import_ms=ready.import_ms, init_ms=ready.init_ms))


def _tell(status: int, state: State) -> None:
    with contextlib.suppress(OSError):  # nobody waits for it any more
        os.write(status, msgspec.json.encode(state) + b"\n")
