"""The gateway's end of a zygote: a process that forks instances."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from catnap.errors import InvalidRequest, Unavailable
from catnap.host.orders import PACKET, Answer, Exited, Fork, Forked, Kill
from catnap.services.local import orphans
from catnap.services.local.cgroups import Cgroups
from catnap.services.local.control import Control
from catnap.services.local.output import lines

START_TIMEOUT = 60.0

_log = logging.getLogger(__name__)


class _Lost(Unavailable):
    """It had started, and is gone."""


class Zygote:
    """One per Python environment and preload list.

    The zygote is a program of its own, started before it has any thread, and
    dies with the gateway, as its instances die with it. One that has died is
    started again by the next fork.
    """

    def __init__(self, python: Path, preload: Sequence[str], cgroups: Cgroups, state: Path) -> None:
        """state: the platform's folder, which its instances are kept from."""
        self._python = python
        self._preload = preload
        self._cgroups = cgroups
        self._state = state
        self._mark = secrets.token_hex(8)
        self._cgroup: Path | None = None
        self._emptying: asyncio.Task[None] | None = None
        self._exits: dict[str, Callable[[int, bool], None]] = {}
        self._forked: dict[str, asyncio.Future[int]] = {}
        self._forking: dict[str, bool] = {}
        """Whether each is still wanted."""
        self._starting: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._control: Control | None = None
        self._output: asyncio.BaseTransport | None = None
        self._ready: asyncio.Future[None]
        self._said: deque[str] = deque(maxlen=1)

    @property
    def used(self) -> bool:
        """Whether instances of it run or are being forked."""
        return bool(self._exits or self._forking)

    async def fork(
        self, order: Fork, descriptors: Sequence[int], on_exit: Callable[[int, bool], None]
    ) -> int:
        """Forks an instance; gives its process id, 0 where the fork failed.

        descriptors: those that the order asks for. on_exit: called with the
        exit status, or minus the signal, and whether the kernel found it too
        large, once it has ended; not if this raises.
        Raises Unavailable if the zygote does not live or the instance is not
        wanted any more, InvalidRequest if the environment is too large to be
        passed.
        """
        name = order.id
        marked = replace(order, env=order.env | {orphans.MARK: self._mark})
        packet = msgspec.json.encode(marked)
        if len(packet) > PACKET // 2:
            raise InvalidRequest(f"{name}: an environment of {len(packet):,} bytes is too large")
        self._forking[name] = True
        try:
            try:
                return await self._fork(name, packet, descriptors, on_exit)
            except _Lost:
                return await self._fork(name, packet, descriptors, on_exit)
        finally:
            del self._forking[name]

    async def _fork(
        self,
        name: str,
        packet: bytes,
        descriptors: Sequence[int],
        on_exit: Callable[[int, bool], None],
    ) -> int:
        control = await self._started()
        if not self._forking[name]:
            raise Unavailable(f"{name} was ended before it was forked")
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._forked[name] = future
        self._exits[name] = on_exit
        try:
            control.send(packet, descriptors)
            return await future
        except BaseException:
            self._forked.pop(name, None)
            self._exits.pop(name, None)
            raise

    def kill(self, name: str, signal: int) -> None:
        """Signals an instance, or has it not forked at all; one that has ended
        is left in peace."""
        if name in self._exits and self._control:
            self._control.send(msgspec.json.encode(Kill(name, signal)))
        elif name in self._forking:
            self._forking[name] = False

    async def start(self) -> None:
        """Starts the process unless it runs; ready when its imports are done.
        Raises Unavailable with what it said."""
        await self._started()

    async def _started(self) -> Control:
        if self._starting is None or (self._starting.done() and self._control is None):
            self._starting = asyncio.create_task(self._start())
        await asyncio.shield(self._starting)
        if self._control is None:
            raise _Lost("the zygote ended; the next call starts another")
        return self._control

    async def _start(self) -> None:
        self._ready = asyncio.get_running_loop().create_future()
        self._said.clear()
        try:
            await self._launch()
            async with asyncio.timeout(START_TIMEOUT):
                await self._ready
        except (OSError, TimeoutError, Unavailable) as error:
            await self._end(0.0)
            why = self._said[0] if self._said else str(error) or "it said nothing"
            raise Unavailable(f"the zygote of {self._python} did not start: {why}") from error

    async def _launch(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = Control(ours, self._handle, self._lost)
        with contextlib.ExitStack() as passed:
            passed.enter_context(theirs)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PACKET)
            arguments = [str(theirs.fileno()), "--state", str(self._state.resolve())]
            if self._emptying:
                await self._emptying
            self._cgroup = self._cgroups.make()
            if self._cgroup:
                arguments += ["--cgroups", str(self._cgroup)]
            for module in self._preload:
                arguments += ["--preload", module]
            reading, writing = os.pipe()
            passed.callback(os.close, writing)
            self._output = await lines(reading, self._hear)
            self._process = await asyncio.create_subprocess_exec(
                *(str(self._python), "-m", "catnap.host.zygote", *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                pass_fds=[theirs.fileno()],
                env=_environment() | {orphans.MARK: self._mark},
            )

    def _hear(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if text:
            self._said.append(text)
            _log.warning("zygote: %s", text)

    def _handle(self, packet: bytes) -> None:
        answer = msgspec.json.decode(packet, type=Answer)
        if isinstance(answer, Forked):
            future = self._forked.pop(answer.id, None)
            if future and not future.done():
                future.set_result(answer.pid)
        elif isinstance(answer, Exited):
            on_exit = self._exits.pop(answer.id, None)
            if on_exit:
                on_exit(answer.status, answer.outgrew)
        elif not answer.error and not self._ready.done():  # it says the error as it ends
            self._ready.set_result(None)

    def _lost(self) -> None:
        """The zygote is gone, and its instances with it; what they have started
        lives on."""
        self._control = None
        left, self._cgroup = self._cgroup, None
        if left:
            self._emptying = asyncio.create_task(self._cgroups.remove(left))
        elif self._process:  # it is not us who ends it
            orphans.end(self._mark)
        gone = _Lost("the zygote ended; the next call starts another")
        if not self._ready.done():
            self._ready.set_exception(gone)
            self._ready.exception()  # whoever asked may have left
        # A fork that waits for its answer is told by its error alone.
        forking, self._forked = self._forked, {}
        for name, future in forking.items():
            self._exits.pop(name, None)
            if not future.done():
                future.set_exception(gone)
        exits, self._exits = self._exits, {}
        for on_exit in exits.values():
            on_exit(-9, False)

    async def close(self) -> None:
        """Ends the process, and with it its instances."""
        if self._starting and not self._starting.done():
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await self._end(_GRACE)

    async def _end(self, grace: float) -> None:
        """Closes its socket, at which it ends its instances and exits."""
        cgroup, self._cgroup = self._cgroup, None
        process, self._process = self._process, None
        if self._control:
            self._control.close()
        if process is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await process.wait()
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
                orphans.end(self._mark)
        for left in (self._emptying, cgroup and self._cgroups.remove(cgroup)):
            if left:
                await left
        if self._output:
            self._output.close()


_GRACE = 7.0
"""Seconds to exit: it lets its instances have five."""

_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


def _environment() -> dict[str, str]:
    """Nothing of ours but what a Python needs to start, and a Catnap that is not
    installed to be found."""
    source = str(Path(sys.modules["catnap"].__path__[0]).parent)
    path = {"PYTHONPATH": source} if source.endswith("runtime") else {}
    return {name: value for name, value in os.environ.items() if name in _PASSED} | path
