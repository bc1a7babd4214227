"""`python -m catnap.host.zygote FD [OPTION VALUE]...`: forks instances.

Options: `--cgroups FOLDER` to make them in, `--state FOLDER` of the platform,
`--preload MODULE` for each.

It imports what instances share, then waits for orders on FD, one end of a
SOCK_SEQPACKET pair; catnap.host.orders has the words.

Single-threaded and without an event loop, so that a fork copies neither. While
nobody asks, one child is forked ahead: the kernel's part of a start, the larger
one, is done when the next order comes. When FD ends, or on SIGTERM, it ends its
instances and then itself: with grace while its parent lives, at once when that
was killed. When it is killed itself, the kernel kills them.

What an instance has started and let go of is in its cgroup still; without one
it falls to the instance, and with the end of that to the zygote, which ends it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence

import msgspec

from catnap.errors import InvalidRequest
from catnap.host import confine, landlock, process
from catnap.host.cgroup import Cgroups
from catnap.host.child import Embryo, live
from catnap.host.loop import loop_factory
from catnap.host.offspring import Child
from catnap.host.orders import (
    DESCRIPTORS,
    PACKET,
    Answer,
    Exited,
    Fork,
    Forked,
    Kill,
    Order,
    Ready,
    State,
)
from catnap.host.preload import preload
from catnap.host.randomness import Randomness
from catnap.host.reaper import Reaper
from catnap.skills.manifest import parse_manifest

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL when all must end."""

QUIET = 0.05
"""Seconds without an order after which a child is forked ahead: until then it
would take the processor from one that starts."""

_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)


class Zygote:
    """The parent of instances. readable: what they may read besides their own."""

    def __init__(
        self,
        control: socket.socket,
        cgroups: Cgroups,
        randomness: Randomness,
        readable: tuple[str, ...],
    ) -> None:
        self._control = control
        self._cgroups = cgroups
        self._readable = readable
        self._randomness = randomness
        self._ahead: Child | None = None
        """A child that is no instance yet."""
        self._can_fork_ahead = True
        self._reaper = Reaper(cgroups, self._tell)
        self._ending = False
        self._parent = os.getppid()
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def run(self) -> Embryo | None:
        """Works until the end. In a child it returns what that starts with,
        so that the child starts on a clean stack."""
        signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        process.die_with_parent(signal.SIGTERM)
        self._tell(Ready())
        while not self._ending:
            idle = self._ahead is None and self._can_fork_ahead
            events = self._selector.select(QUIET if idle else None)
            if idle and not events and not self._ending:
                made = self._split(ahead=True)
                if isinstance(made, Embryo):
                    return made
                self._ahead = made
                self._can_fork_ahead = made is not None
            for key, _ in events:
                if key.fileobj is self._wake:
                    self._wake.recv(4096)
                    self._reap()
                    continue
                embryo = self._receive()
                if embryo is not None:
                    return embryo
        self._end_all()
        return None

    def _end(self, *_: object) -> None:
        self._ending = True

    def _receive(self) -> Embryo | None:
        """Does what one packet says; gives an Embryo in a child alone."""
        try:
            packet, descriptors, flags, _ = socket.recv_fds(
                self._control, PACKET, DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            packet = b""  # the gateway has ended with words of ours unread
        if not packet:
            self._ending = True
            return None
        try:
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise ValueError(
                    f"a packet has at most {PACKET} bytes and {DESCRIPTORS} descriptors"
                )
            order = msgspec.json.decode(packet, type=Order)
            if isinstance(order, Kill):
                self._reaper.kill(order.id, order.signal)
            elif len(descriptors) >= 4:
                return self._fork(order, packet, descriptors)
            else:
                raise ValueError(f"{order.id} has {len(descriptors)} descriptors")
        except (ValueError, OSError) as error:
            sys.stderr.write(f"catnap zygote: refused an order: {error}\n")
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return None

    def _fork(self, order: Fork, packet: bytes, descriptors: list[int]) -> Embryo | None:
        child, self._ahead = self._ahead, None
        self._can_fork_ahead = True
        for _ in range(2):  # the one ahead may have been killed
            made = child or self._split()
            if isinstance(made, Embryo):
                return made
            if made is None:
                break
            if made.bear(packet, descriptors, order.limits):
                self._reaper.know(made, order.id)
                self._tell(Forked(order.id, made.pid))
                return None
            child = None
        why = State(error="the system has no process for it")
        os.write(descriptors[1], msgspec.json.encode(why) + b"\n")
        self._tell(Forked(order.id, 0))
        self._tell(Exited(order.id, 1))
        return None

    def _split(self, *, ahead: bool = False) -> Child | Embryo | None:
        """Forks. Gives the child to the parent, the embryo to the child, and
        None where the system has no room."""
        with contextlib.ExitStack() as undo:
            try:
                outbox, inbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                undo.callback(inbox.close)
                undo.callback(outbox.close)
                outbox.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PACKET)
                folder = self._cgroups.make()
                undo.callback(self._cgroups.end, folder)
                embryo = Embryo(inbox, folder, self._readable, self._randomness, os.getpid(), ahead)
                # A signal between fork and the child's own handlers would wake the
                # parent through the descriptor that both still share.
                signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
                pid = os.fork()
            except OSError as error:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
                sys.stderr.write(f"catnap zygote: cannot fork: {error.strerror}\n")
                return None
            undo.pop_all()
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            inbox.close()
            child = Child(pid, outbox, folder)
            self._reaper.know(child)
            return child
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for end in (self._control, self._wake, self._woken, outbox):
            end.close()
        if self._ahead:
            self._ahead.outbox.close()
        return embryo

    def _reap(self) -> None:
        ended = self._reaper.reap()
        if self._ahead and self._ahead.pid in ended:
            self._ahead.outbox.close()
            # Somebody wants it so: there is no other before the next order.
            self._ahead, self._can_fork_ahead = None, False

    def _end_all(self) -> None:
        self._reaper.end()
        self._selector.unregister(self._control)
        last = time.monotonic() + (GRACE if os.getppid() == self._parent else 0.0)
        while not self._reaper.alone and (left := last - time.monotonic()) > 0:
            if self._selector.select(left):
                self._wake.recv(4096)
            self._reap()
        self._reaper.end_now()

    def _tell(self, answer: Answer) -> None:
        try:
            self._control.send(msgspec.json.encode(answer))
        except OSError:
            self._ending = True


def main(argv: Sequence[str]) -> int:
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder that the gateway was started in
    control = socket.socket(fileno=int(argv[0]))
    control.set_inheritable(False)
    process.die_with_parent()
    process.adopt()
    # Collecting would write to pages that the children share.
    gc.disable()
    options = list(zip(argv[1::2], argv[2::2], strict=True))
    assert {name for name, _ in options} <= {"--cgroups", "--state", "--preload"}, options
    cgroups = Cgroups(dict(options).get("--cgroups", ""))
    randomness = Randomness()
    try:
        with randomness.watch():
            preload(value for name, value in options if name == "--preload")
    except InvalidRequest as error:
        sys.stderr.write(f"catnap zygote: {error.message}\n")
        control.send(msgspec.json.encode(Ready(error.message)))
        return 1
    # What the first of its kind costs, children inherit: 3 ms for a manifest,
    # as much for a faster loop.
    parse_manifest('name = "warm"\ndescription = "warm"')
    loop_factory()
    readable = confine.readable(dict(options).get("--state", ""), os.environ)
    landlock.abi()
    gc.freeze()
    sys.stdout.flush()
    embryo = Zygote(control, cgroups, randomness, readable).run()
    return 0 if embryo is None else live(embryo)


if __name__ == "__main__":
    process.leave(main(sys.argv[1:]))
