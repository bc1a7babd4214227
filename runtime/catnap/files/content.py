"""The files that hold content, and what makes them survive a crash.

    content/<name>    whole content of one object, named by the index
    pending/<name>    mark: whether content/<name> is to stay is not decided

A mark is set before the index is changed, and removed after what it spoke of
is done. So after a crash at any point each marked file either is named by the
index, and stays, or is not, and goes; no other file need be looked at. The
mark of new content is the file itself, locked by its writer while it lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from catnap.errors import CatnapError
from catnap.store import disk

CHUNK = 1024 * 1024
"""Bytes moved by one trip to a thread."""


class Contents:
    """The two folders. Every method blocks."""

    def __init__(self, folder: Path) -> None:
        self._content, self._pending = folder / "content", folder / "pending"
        for each in (folder, self._content, self._pending):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)

    def begin(self) -> Incoming:
        """New content, to be written and then kept or dropped."""
        return Incoming(self)

    def copy(self, name: str, decide: Callable[[str], None]) -> None:
        """The same content under another name, which `decide` is given to name
        it in the index, or refuses by raising. Raises FileNotFoundError."""
        descriptor = self.open(name)
        try:
            # Held as a writer holds it; shared, since others may copy it too.
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            copy = secrets.token_hex(16)
            os.link(self._content / name, self._pending / copy)
            self.keep_if(copy, lambda: decide(copy))
        finally:
            os.close(descriptor)

    def keep_if(self, name: str, decide: Callable[[], None]) -> None:
        """Gives marked content its place, unless `decide` raises."""
        try:
            self.keep(name)
            decide()
            self.settle(name, stays=True)
        except (CatnapError, OSError):
            self.settle(name, stays=False)
            raise
        # Any other error comes from the index, which then may or may not hold
        # the name: the mark stays, and the next recovery will see.

    def create(self, name: str) -> int:
        """A marked, locked and empty file; its descriptor."""
        path = self._pending / name
        while True:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return descriptor
            os.close(descriptor)  # a recovery elsewhere took it for left behind

    def keep(self, name: str) -> None:
        """Gives marked content its place, for good once the mark is gone."""
        os.link(self._pending / name, self._content / name)
        disk.sync(self._content)

    def doubt(self, name: str) -> None:
        """Marks content that is there."""
        # A failure may have left its mark, or somebody may have removed the content.
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            os.link(self._content / name, self._pending / name)

    def settle(self, name: str, *, stays: bool) -> None:
        """Ends a mark: the content stays, or goes."""
        if not stays:
            (self._content / name).unlink(missing_ok=True)
        (self._pending / name).unlink(missing_ok=True)

    def open(self, name: str) -> int:
        """A descriptor to read from; it outlives the file's removal."""
        return os.open(self._content / name, os.O_RDONLY | os.O_CLOEXEC)

    def left_behind(self) -> list[str]:
        """Marked files that no living writer holds."""
        return [path.name for path in self._pending.iterdir() if not self._is_held(path)]

    def _is_held(self, path: Path) -> bool:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


class Incoming:
    """Content on its way in. Every method blocks and may run in any thread:
    a caller that is cancelled leaves a thread behind in the middle of one."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._lock = threading.Lock()
        self._hash = hashlib.sha256()
        self._descriptor = -1
        self._ended = False
        self.name = secrets.token_hex(16)
        self.size = 0

    @property
    def etag(self) -> str:
        return self._hash.hexdigest()

    def write(self, block: bytes) -> None:
        with self._lock:
            if self._ended:
                return
            if self._descriptor < 0:
                self._descriptor = self._contents.create(self.name)
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            self._hash.update(block)
            self.size += len(block)

    def finish(self, decide: Callable[[], None]) -> None:
        """Makes what was written durable, then lets `decide` name it in the
        index, or refuse it by raising."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            try:
                os.fsync(self._descriptor)
            except OSError:
                self._contents.settle(self.name, stays=False)
                os.close(self._descriptor)
                raise
            try:
                self._contents.keep_if(self.name, decide)
            finally:
                os.close(self._descriptor)

    def drop(self) -> None:
        """Gives it up, unless it is finished."""
        with self._lock:
            if not self._ended and self._descriptor >= 0:
                self._contents.settle(self.name, stays=False)
                os.close(self._descriptor)
            self._ended = True


class Outgoing:
    """Content on its way out, from `start` to `stop`: an iterator that owns
    its descriptor."""

    def __init__(self, descriptor: int, start: int, stop: int) -> None:
        self._descriptor = descriptor
        self._at, self._stop = start, stop
        self._lock = threading.Lock()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        block = await asyncio.to_thread(self._read)
        if not block:
            raise StopAsyncIteration
        return block

    async def aclose(self) -> None:
        """Gives up on the rest."""
        await asyncio.to_thread(self._close)

    def __del__(self) -> None:
        self._close()

    def _read(self) -> bytes:
        with self._lock:
            wanted = min(CHUNK, self._stop - self._at)
            block = b""
            if self._descriptor >= 0 and wanted:
                block = os.pread(self._descriptor, wanted, self._at)
            self._at += len(block)
        if not block:
            self._close()
        return block

    def _close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
