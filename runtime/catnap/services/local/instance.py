"""One running copy of a revision: a process forked from a zygote."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from catnap.errors import SkillCrashed, Unavailable
from catnap.host.orders import Fork, State
from catnap.http import Target
from catnap.services import instance
from catnap.services.instance import Interrupted
from catnap.services.local.cgroups import PROCESSES
from catnap.services.local.output import lines
from catnap.services.local.secrets import in_memory
from catnap.services.local.usage import Usage
from catnap.services.local.zygote import Zygote
from catnap.skills.redaction import Redaction

START_TIMEOUT = 60.0

LAST_LINE = 0.5
"""Seconds after its end in which the status pipe of an instance must end as
well: what it has forked may hold that for ever."""

WINDING_UP = 5.0
"""Seconds in which one that drains and has closed a connection must have ended."""


class _Line(msgspec.Struct):
    """A record of its output; catnap.host.records has the format."""

    text: str


@dataclass(frozen=True)
class Plan:
    """How to start an instance of a revision."""

    revision: str
    folder: Path
    env: dict[str, str]
    limits: dict[str, str]
    """For its cgroup, by file."""
    sockets: Path
    """The folder that instances' sockets live in."""
    scratch: Path
    """Its own folder to write in, which is its TMPDIR too."""
    memory: int
    """Bytes that it may take, 0 for any number."""
    grace: float
    """Seconds between SIGTERM and SIGKILL."""
    watched: Collection[str]
    """Controllers that no cgroup binds it by: the platform looks whether it
    takes more."""
    secrets: Callable[[], Awaitable[Mapping[str, str]]]
    """Gives its secrets, by name."""
    on_output: Callable[[str, str, bytes], None]
    """Instance, `stdout` or `stderr`, and one line of it."""
    on_ready: Callable[[Instance], None]


class Instance(instance.Instance):
    """A process, its socket, and what it writes."""

    def __init__(self, name: str, plan: Plan, zygote: Zygote) -> None:
        super().__init__(name)
        self.pid = 0
        self.target = Target(path=str(plan.sockets / f"{name}.sock"))
        self._plan = plan
        self._zygote = zygote
        self._forked = False
        self._said: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        self._redact = Redaction(())
        self._last = b""
        self._drained = False
        self._outgrew = ""
        """What it was ended for, if it took too much of it."""
        self._silent = False
        """Its status pipe has ended: it has said all that it will."""
        self._status: int | None = None
        self._kill: asyncio.TimerHandle | None = None
        self._pipes: list[asyncio.BaseTransport] = []

    async def start(self) -> None:
        began = time.perf_counter()
        secrets = await self._plan.secrets()
        self._redact = Redaction(secrets.values())
        if self.draining:
            raise Unavailable(f"{self.name} was ended before it was started")
        try:
            await self._fork(secrets)
        except OSError as error:
            raise Unavailable(f"{self._plan.revision} cannot be started: {error}") from error
        # An instance that ends without a word has said everything.
        self.exited.add_done_callback(lambda _: self._hear(b"{}"))
        try:
            async with asyncio.timeout(START_TIMEOUT):
                started = await self._said
        except TimeoutError:
            raise SkillCrashed(
                f"{self._plan.revision} was not ready after {START_TIMEOUT:.0f} s"
            ) from None
        if not started.ready:
            status = 0 if started.error else await asyncio.shield(self.exited)
            interrupted = status == -signal.SIGTERM and not self.draining
            kind = Interrupted if interrupted else SkillCrashed
            why = self._redact(started.error.encode()).decode() or self._why(status)
            raise kind(f"{self._plan.revision} cannot start: {why}")
        whole = (time.perf_counter() - began) * 1000
        self.timings = {
            "start": max(0.0, whole - started.import_ms - started.init_ms),
            "import": started.import_ms,
            "init": started.init_ms,
        }
        self.ready = True
        self._plan.on_ready(self)

    @property
    def said(self) -> str:
        try:
            return msgspec.json.decode(self._last, type=_Line).text
        except msgspec.DecodeError:
            return self._last.decode(errors="replace")

    def fail(self) -> None:
        """It is not well: it gets no more calls, ends when it has answered
        those that it has, and another takes its place."""
        if self.alive:
            self.end()
            self.leaving.set_result(None)

    def _hear(self, line: bytes) -> None:
        try:
            status = msgspec.json.decode(line, type=State)
        except msgspec.DecodeError:
            return  # its code has found the pipe
        if status.draining and self.alive:
            self.draining = True
            self._kill_later()
            self.leaving.set_result(None)
        self._drained |= status.drained
        if not self._said.done():
            self._said.set_result(status)

    async def _fork(self, secrets: Mapping[str, str]) -> None:
        def out(line: bytes) -> None:
            self._last = self._redact(line)
            self._plan.on_output(self.name, "stdout", self._last)

        def err(line: bytes) -> None:
            self._last = self._redact(line)
            self._plan.on_output(self.name, "stderr", self._last)

        with contextlib.ExitStack() as ours:
            listening = ours.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            listening.bind(self.target.path)
            listening.listen(1024)
            descriptors = [listening.fileno()]
            for on_line, on_end in ((self._hear, self._on_silence), (out, None), (err, None)):
                reading, writing = os.pipe()
                ours.callback(os.close, writing)
                self._pipes.append(await lines(reading, on_line, on_end))
                descriptors.append(writing)
            if secrets:
                descriptors.append(in_memory(secrets))
                ours.callback(os.close, descriptors[-1])
            plan = self._plan
            order = Fork(
                self.name,
                folder=str(plan.folder),
                env=plan.env,
                limits=plan.limits,
                scratch=str(plan.scratch),
                memory=plan.memory if "memory" in plan.watched else 0,
            )
            self._forked = True
            try:
                self.pid = await self._zygote.fork(order, descriptors, self._on_status)
            except BaseException:
                self._forked = False
                raise

    def end(self, *, now: bool = False) -> None:
        self.draining = True
        if self.exited.done():
            return
        if not self._forked:
            self._status = -signal.SIGKILL
            self._on_exit()
        elif now:
            self._zygote.kill(self.name, signal.SIGKILL)
        elif self._kill is None:
            self._zygote.kill(self.name, signal.SIGTERM)
            self._kill_later()

    def _kill_later(self) -> None:
        self._kill = asyncio.get_running_loop().call_later(
            self._plan.grace, self._zygote.kill, self.name, signal.SIGKILL
        )

    def check(self, taken: Usage) -> None:
        """Ends it at once where it takes more than it may."""
        plan = self._plan
        outgrew = ""
        if "memory" in plan.watched and taken.memory > plan.memory > 0:
            outgrew = self._memory
        elif "pids" in plan.watched and taken.tasks > PROCESSES:
            outgrew = f"limit of {PROCESSES:,} processes and threads"
        if outgrew and not self.exited.done():
            self._outgrew = outgrew
            self.end(now=True)

    @property
    def _memory(self) -> str:
        return f"memory limit of {self._plan.memory >> 20} MiB"

    async def untouched(self) -> bool:
        """Whether a call that lost its connection was never begun: it ended
        in good order, which means with an answer to whatever it had begun."""
        if self.draining:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WINDING_UP):
                    await asyncio.shield(self.exited)
        return self._drained

    async def crash(self) -> SkillCrashed:
        """Why the connection was lost: the exit status, if it has ended."""
        try:
            async with asyncio.timeout(1):
                status = await asyncio.shield(self.exited)
        except TimeoutError:
            return SkillCrashed(f"{self.name} closed the connection without an answer")
        return SkillCrashed(f"{self.name} {self._why(status)} while it handled the call")

    def close(self) -> None:
        """Reads no more of its output."""
        for pipe in self._pipes:
            pipe.close()

    def _why(self, status: int) -> str:
        if self._outgrew:
            return f"went over its {self._outgrew}"
        return _ended(status)

    def _on_status(self, status: int, outgrew: bool) -> None:
        self._status = status
        if outgrew:
            self._outgrew = self._memory
        if self._silent:
            self._on_exit()
        else:
            asyncio.get_running_loop().call_later(LAST_LINE, self._on_exit)

    def _on_silence(self) -> None:
        self._silent = True
        if self._status is not None:
            self._on_exit()

    def _on_exit(self) -> None:
        assert self._status is not None
        if self._kill:
            self._kill.cancel()
        Path(self.target.path).unlink(missing_ok=True)
        if not self.exited.done():
            self.exited.set_result(self._status)


def _ended(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:  # most of those for real time have no name
        return f"was ended by signal {-status}"
