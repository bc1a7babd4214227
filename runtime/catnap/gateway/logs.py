"""What instances write, kept by skill and followed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from catnap.errors import InvalidRequest
from catnap.events.ids import path_part

FILE_BYTES = 8_000_000
"""A skill's log has two files of at most this size."""


class Record(msgspec.Struct):
    """One line. time: seconds since the epoch; stream: stdout or stderr;
    level, trace: empty where it is no log message, and no part of a trace."""

    time: float
    stream: str
    instance: str
    task: str
    text: str
    level: str = ""
    trace: str = ""


class _Written(msgspec.Struct):
    """What the host writes in place of a skill's line."""

    text: str
    task: str = ""
    stream: str = ""
    level: str = ""
    trace: str = ""


_record = msgspec.json.Decoder(Record)
_written = msgspec.json.Decoder(_Written)


class Logs:
    """Lines are taken at once and written together, off the event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: defaultdict[Path, list[bytes]] = defaultdict(list)
        self._writing: asyncio.Task[None] | None = None
        self._followers: defaultdict[Path, set[asyncio.Queue[Record | None]]] = defaultdict(set)

    def write(self, tenant: str, skill: str, instance: str, stream: str, line: bytes) -> None:
        """Takes one line of an instance's output."""
        try:
            said = _written.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = _Written(line.decode(errors="replace"))
        record = Record(
            time.time(),
            said.stream or stream,
            instance,
            said.task,
            said.text,
            said.level,
            said.trace,
        )
        path = self._path(tenant, skill)
        self._waiting[path].append(msgspec.json.encode(record) + b"\n")
        for follower in self._followers.get(path, ()):
            with contextlib.suppress(asyncio.QueueFull):
                follower.put_nowait(record)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, defaultdict(list)
            for path, lines in waiting.items():
                await asyncio.to_thread(_append, path, b"".join(lines))

    async def flush(self) -> None:
        """Ends when all that was taken is in its file."""
        while self._writing and not self._writing.done():
            await asyncio.shield(self._writing)

    async def read(
        self, tenant: str, skill: str, tail: int, *, follow: bool = False
    ) -> AsyncIterator[Record]:
        """The last `tail` lines, and with `follow` those that come after."""
        await self.flush()
        path = self._path(tenant, skill)
        queue: asyncio.Queue[Record | None] = asyncio.Queue(10_000)
        # From here on lines come by the queue: what the file has now is before.
        size = path.stat().st_size if path.exists() else 0
        if follow:
            self._followers[path].add(queue)
        try:
            for record in await asyncio.to_thread(_last, path, size, tail):
                yield record
            while follow and (following := await queue.get()):
                yield following
        finally:
            self._followers[path].discard(queue)

    def end(self) -> None:
        """Lets everybody go who follows."""
        for followers in self._followers.values():
            for follower in followers:
                with contextlib.suppress(asyncio.QueueFull):
                    follower.put_nowait(None)

    def _path(self, tenant: str, skill: str) -> Path:
        return self._folder / path_part(tenant) / f"{skill}.jsonl"


class PodLogs:
    """On a cluster, what pods write is the cluster's to keep.

    namespace: of a tenant.
    """

    def __init__(self, namespace: Callable[[str], str]) -> None:
        self._namespace = namespace

    async def read(
        self, tenant: str, skill: str, tail: int, *, follow: bool = False
    ) -> AsyncIterator[Record]:
        """Raises InvalidRequest with the command that shows them."""
        raise InvalidRequest(
            "on a cluster the logs are read with kubectl: "
            f"kubectl logs -n {self._namespace(tenant)} -l serving.knative.dev/service={skill} "
            f"-c user-container --prefix --tail {tail}{' --follow' if follow else ''}"
        )
        yield

    def end(self) -> None:
        """Nobody follows."""


def _append(path: Path, lines: bytes) -> None:
    path.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.mkdir(exist_ok=True)
    if path.exists() and path.stat().st_size > FILE_BYTES:
        path.replace(_older(path))
    with path.open("ab") as file:
        file.write(lines)


def _last(path: Path, size: int, tail: int) -> list[Record]:
    lines: deque[bytes] = deque(maxlen=tail)
    with contextlib.suppress(FileNotFoundError):
        lines.extend(_older(path).read_bytes().splitlines())
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        lines.extend(file.read(size).splitlines())
    records = []
    for line in lines:
        with contextlib.suppress(msgspec.DecodeError):
            records.append(_record.decode(line))
    return records


def _older(path: Path) -> Path:
    return path.with_suffix(".1.jsonl")
