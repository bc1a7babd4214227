"""A file's content in chunks, while its owner may still write to it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from catnap.snapshots.beneath import parent
from catnap.snapshots.packing import PACK
from catnap.snapshots.scan import Signature, signature_of

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Without O_NONBLOCK a pipe that takes the file's name would hold us for ever."""


class Reader:
    """One file, opened. Raises OSError, also where it is none by now."""

    def __init__(self, root: int, path: bytes) -> None:
        with parent(root, path) as (folder, name):
            self._descriptor = os.open(name, _OPEN, dir_fd=folder)
        try:
            status = os.fstat(self._descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise FileNotFoundError(errno.ENOENT, "no regular file any more", path)
        except BaseException:
            self.close()
            raise
        self.signature: Signature = signature_of(status)
        self.size = status.st_size

    @property
    def unchanged(self) -> bool:
        """Whether nobody has written to it since it was opened."""
        return signature_of(os.fstat(self._descriptor)) == self.signature

    def chunks(self) -> Iterator[tuple[int, bytes]]:
        """Place and content of each piece that is not all zeros, up to the size
        that the file had when it was opened. Holes are not read."""
        place = self._data(0)
        while place < self.size:
            place -= place % PACK
            content = self._read(place, min(PACK, self.size - place))
            if not content:
                return  # it was cut short
            if content.count(0) < len(content):
                yield place, content
            place = self._data(place + PACK)

    def _data(self, place: int) -> int:
        """Where the next byte is that is in no hole."""
        if place >= self.size:
            return self.size
        try:
            return os.lseek(self._descriptor, place, os.SEEK_DATA)
        except OSError:  # none; or a file system that knows no holes says so itself
            return self.size

    def _read(self, place: int, size: int) -> bytes:
        content = os.pread(self._descriptor, size, place)
        while len(content) < size:
            more = os.pread(self._descriptor, size - len(content), place + len(content))
            if not more:
                break
            content += more
        return content

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
