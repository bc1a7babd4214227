"""`python -m catnap.host.zygote FD [--preload MODULE]...`: forks instances.

It imports what instances share, then waits for work on FD, one end of a
SOCK_SEQPACKET pair, one JSON object a packet:

    in   {"op": "fork", "id", "folder", "env"} with four descriptors: listening
         socket, status pipe, stdout, stderr
         {"op": "kill", "id", "signal"}
    out  {"ready": true}                        once, when its imports are done
         {"ready": false, "error"}              or why they are not; then it ends
         {"op": "forked", "id", "pid"}          pid 0: the fork failed
         {"op": "exited", "id", "status"}       exit status, or minus the signal

The status pipe gets JSON lines from the instance:

    {"ready": true, "import_ms", "init_ms"}     or {"error"}; then it ends
    {"draining": true}      it was told to end, and still takes calls meanwhile
    {"drained": true}       it ends, and has begun nothing that it did not answer

Single-threaded and without an event loop, so that a fork copies neither.
When FD ends, or on SIGTERM, it ends its instances and then itself; when it is
killed, the kernel kills them.
"""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence

import msgspec

from catnap.host import blame, process
from catnap.host.child import Birth, live
from catnap.skills.manifest import parse_manifest

PACKET = 256 * 1024
"""Bytes of the largest packet."""

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL when all must end."""

_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)


class _Order(msgspec.Struct):
    op: str
    id: str
    folder: str = ""
    env: dict[str, str] = {}
    signal: int = signal.SIGTERM


class Zygote:
    """The parent of instances."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._instances: dict[int, str] = {}
        self._ending = False
        self._pid = os.getpid()
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def run(self) -> Birth | None:
        """Works until the end. In a child it returns what the child was born
        for, so that the child starts on a clean stack."""
        signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        self._tell(ready=True)
        while not self._ending:
            for key, _ in self._selector.select():
                if key.fileobj is self._wake:
                    self._wake.recv(4096)
                    self._reap()
                    continue
                birth = self._receive()
                if birth is not None:
                    return birth
        self._end_all()
        return None

    def _end(self, *_: object) -> None:
        self._ending = True

    def _receive(self) -> Birth | None:
        """Does what one packet says; gives a Birth in the child alone."""
        packet, descriptors, flags, _ = socket.recv_fds(
            self._control, PACKET, 4, socket.MSG_CMSG_CLOEXEC
        )
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
            if os.getpid() == self._pid:
                for descriptor in descriptors:
                    os.close(descriptor)
        return None

    def _fork(self, order: _Order, descriptors: list[int]) -> Birth | None:
        # A signal between fork and the child's own handlers would wake the
        # parent through the descriptor that both still share.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            said = f"cannot fork: {error.strerror}"
            os.write(descriptors[1], msgspec.json.encode({"error": said}) + b"\n")
            self._tell(op="forked", id=order.id, pid=0)
            self._tell(op="exited", id=order.id, status=1)
            return None
        if pid == 0:
            signal.set_wakeup_fd(-1)
            self._selector.close()
            for end in (self._control, self._wake, self._woken):
                end.close()
            return Birth(order.folder, order.env, *descriptors)
        self._instances[pid] = order.id
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        self._tell(op="forked", id=order.id, pid=pid)
        return None

    def _kill(self, order: _Order) -> None:
        for pid, name in self._instances.items():
            if name == order.id:
                if order.signal == signal.SIGKILL:
                    _kill_group(pid)
                else:
                    os.kill(pid, order.signal)

    def _reap(self) -> None:
        """Collects what has ended. Whatever an instance had started and left
        in its process group goes with it."""
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
                _kill_group(pid)
            _, status = os.waitpid(pid, 0)
            name = self._instances.pop(pid, None)
            if name is not None:
                self._tell(op="exited", id=name, status=os.waitstatus_to_exitcode(status))

    def _end_all(self) -> None:
        for pid in self._instances:
            os.kill(pid, signal.SIGTERM)
        self._selector.unregister(self._control)
        last = time.monotonic() + GRACE
        while self._instances and (left := last - time.monotonic()) > 0:
            if self._selector.select(left):
                self._wake.recv(4096)
            self._reap()
        for pid in self._instances:
            _kill_group(pid)

    def _tell(self, **message: object) -> None:
        try:
            self._control.send(msgspec.json.encode(message))
        except OSError:
            self._ending = True


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # It has not made its group yet, or all of it has ended.
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.kill(pid, signal.SIGKILL)


def main(argv: Sequence[str]) -> int:
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder that the gateway was started in
    control = socket.socket(fileno=int(argv[0]))
    control.set_inheritable(False)
    process.die_with_parent()
    # Collecting would write to pages that the children share.
    gc.disable()
    for option, module in zip(argv[1::2], argv[2::2], strict=True):
        assert option == "--preload", option
        try:
            importlib.import_module(module)
        except Exception as error:
            said = f"cannot preload {module}: {blame.reason(error)}"
            sys.stderr.write(f"catnap zygote: {said}\n")
            control.send(msgspec.json.encode({"ready": False, "error": said}))
            return 1
    # The first manifest costs 3 ms more than the others; children inherit that.
    parse_manifest('name = "warm"\ndescription = "warm"')
    gc.freeze()
    sys.stdout.flush()
    parent = os.getpid()
    birth = Zygote(control).run()
    return 0 if birth is None else live(birth, parent)


if __name__ == "__main__":
    process.leave(main(sys.argv[1:]))
