"""`python -m catnap.host.zygote FD [OPTION VALUE]...`: forks instances.

Options: `--cgroups FOLDER` to make them in, `--state FOLDER` of the platform,
`--preload MODULE` for each.

It imports what instances share, then waits for work on FD, one end of a
SOCK_SEQPACKET pair, one JSON object a packet:

    in   {"op": "fork", "id", "folder", "env", "limits", "scratch", "memory"} with
         four descriptors: listening socket, status pipe, stdout, stderr
         {"op": "kill", "id", "signal"}
    out  {"ready": true}                        once, when its imports are done
         {"ready": false, "error"}              or why they are not; then it ends
         {"op": "forked", "id", "pid"}          pid 0: the fork failed
         {"op": "exited", "id", "status"}       exit status, or minus the signal;
                                                "outgrew": true for too much memory

The status pipe gets JSON lines from the instance:

    {"ready": true, "import_ms", "init_ms"}     or {"error"}; then it ends
    {"draining": true}      it was told to end, and still takes calls meanwhile
    {"drained": true}       it ends, and has begun nothing that it did not answer

limits: what to write to the files of the instance's cgroup, where it has one.
scratch: the one folder that it may write to; the kernel confines it then, if
it can. memory: bytes that the gateway watches over.

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
from catnap.host import cgroup, confine, landlock, process
from catnap.host.cgroup import Cgroups
from catnap.host.child import PACKET, Birth, Embryo, live
from catnap.host.loop import loop_factory
from catnap.host.offspring import Child, children, kill_group
from catnap.host.preload import preload
from catnap.host.randomness import Randomness
from catnap.skills.manifest import parse_manifest

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL when all must end."""

QUIET = 0.05
"""Seconds without an order after which a child is forked ahead: until then it
would take the processor from one that starts."""

_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)


class _Order(msgspec.Struct):
    op: str
    id: str
    folder: str = ""
    env: dict[str, str] = {}
    limits: dict[str, str] = {}
    scratch: str = ""
    memory: int = 0
    signal: int = signal.SIGTERM


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
        self._instances: dict[int, tuple[str, str]] = {}
        """Name and cgroup by process id."""
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
        self._tell(ready=True)
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
                self._control, PACKET, 4, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            packet = b""  # the gateway has ended with words of ours unread
        if not packet:
            self._ending = True
            return None
        try:
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise ValueError(f"a packet has at most {PACKET} bytes and 4 descriptors")
            order = msgspec.json.decode(packet, type=_Order)
            if order.op == "kill":
                self._kill(order)
            elif order.op == "fork" and len(descriptors) == 4:
                return self._fork(order, descriptors)
            else:
                raise ValueError(f"{order.op} with {len(descriptors)} descriptors")
        except (ValueError, OSError) as error:
            sys.stderr.write(f"catnap zygote: refused an order: {error}\n")
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return None

    def _fork(self, order: _Order, descriptors: list[int]) -> Embryo | None:
        birth = msgspec.json.encode(
            Birth(order.id, order.folder, order.env, order.scratch, order.memory)
        )
        child, self._ahead = self._ahead, None
        self._can_fork_ahead = True
        for _ in range(2):  # the one ahead may have been killed
            made = child or self._split()
            if isinstance(made, Embryo):
                return made
            if made is None:
                break
            if made.bear(birth, descriptors, order.limits):
                self._instances[made.pid] = (order.id, made.cgroup)
                self._tell(op="forked", id=order.id, pid=made.pid)
                return None
            self._instances[made.pid] = ("", made.cgroup)
            child = None
        os.write(descriptors[1], b'{"error":"the system has no process for it"}\n')
        self._tell(op="forked", id=order.id, pid=0)
        self._tell(op="exited", id=order.id, status=1)
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
            return Child(pid, outbox, folder)
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for end in (self._control, self._wake, self._woken, outbox):
            end.close()
        if self._ahead:
            self._ahead.outbox.close()
        return embryo

    def _kill(self, order: _Order) -> None:
        for pid, (name, _) in self._instances.items():
            if name == order.id:
                if order.signal == signal.SIGKILL:
                    kill_group(pid)
                else:
                    os.kill(pid, order.signal)

    def _reap(self) -> None:
        """Collects what has ended. Whatever an instance had started and left
        behind goes with it."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            pid = ended.si_pid
            if pid in self._instances:
                # Still a zombie, so that no other group can have its number.
                kill_group(pid)
            _, status = os.waitpid(pid, 0)
            name, folder = self._instances.pop(pid, ("", ""))
            if self._ahead and self._ahead.pid == pid:
                folder = self._ahead.cgroup
                self._ahead.outbox.close()
                # Somebody wants it so: there is no other before the next order.
                self._ahead, self._can_fork_ahead = None, False
            outgrew = {"outgrew": True} if cgroup.outgrew(folder) else {}
            self._cgroups.end(folder)
            if not folder:
                self._kill_strays()
            if name:
                code = os.waitstatus_to_exitcode(status)
                self._tell(op="exited", id=name, status=code, **outgrew)

    def _kill_strays(self) -> None:
        """Those whose parent, an instance or another stray, has ended."""
        for pid in children():
            if pid not in self._instances and not (self._ahead and self._ahead.pid == pid):
                kill_group(pid)

    def _end_all(self) -> None:
        if self._ahead:
            self._ahead.outbox.close()
            self._instances[self._ahead.pid] = ("", self._ahead.cgroup)
            self._ahead = None
        for pid in self._instances:
            os.kill(pid, signal.SIGTERM)
        self._selector.unregister(self._control)
        last = time.monotonic() + (GRACE if os.getppid() == self._parent else 0.0)
        while self._instances and (left := last - time.monotonic()) > 0:
            if self._selector.select(left):
                self._wake.recv(4096)
            self._reap()
        for pid, (_, folder) in self._instances.items():
            kill_group(pid)
            self._cgroups.end(folder)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, 0)
                _, folder = self._instances.pop(pid, ("", ""))
                if not folder:
                    self._kill_strays()

    def _tell(self, **message: object) -> None:
        try:
            self._control.send(msgspec.json.encode(message))
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
        control.send(msgspec.json.encode({"ready": False, "error": error.message}))
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
