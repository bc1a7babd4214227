"""What was read of an index, on disk.

    pages/NAME              wheels that there are, and since when that is known
    metadata/NAME/VERSION/SHA256
    wheels/SHA256

Wheels are kept by their content, and written once: who asks for one gets just
that, whoever had it fetched. Blocking: for threads.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from catnap.errors import Unavailable
from catnap.packages.page import Page


class Kept(msgspec.Struct, frozen=True):
    """at: seconds since the epoch when the index last said so."""

    page: Page
    etag: str
    at: float


class Shelf:
    """folder: for one index alone. most: bytes of wheels that are kept."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._decoder = msgspec.msgpack.Decoder(Kept)

    def page(self, name: str) -> Kept | None:
        """None where there is none, or one that an earlier version wrote."""
        with suppress(OSError, msgspec.DecodeError):
            return self._decoder.decode((self._folder / "pages" / name).read_bytes())
        return None

    def keep_page(self, kept: Kept) -> None:
        self._write(self._folder / "pages" / kept.page.name, msgspec.msgpack.encode(kept))

    def metadata(self, name: str, version: str, sha256: str) -> bytes | None:
        """Of the wheel of that hash."""
        with suppress(OSError):
            return (self._folder / "metadata" / name / version / sha256).read_bytes()
        return None

    def all_metadata(self, name: str) -> Iterator[tuple[str, str, bytes]]:
        """All that is kept of a name: version, the wheel's hash, text."""
        for path in (self._folder / "metadata" / name).glob("*/*"):
            with suppress(OSError):
                yield path.parent.name, path.name, path.read_bytes()

    def keep_metadata(self, name: str, version: str, sha256: str, content: bytes) -> None:
        self._write(self._folder / "metadata" / name / version / sha256, content)

    def wheel(self, sha256: str) -> Path | None:
        """It counts as used now."""
        path = self._folder / "wheels" / sha256
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    def keep_wheel(self, sha256: str, fill: Callable[[BinaryIO], None]) -> Path:
        """fill: writes it, and raises where it is not what it should be. Those
        that were used longest ago make room."""
        path = self._folder / "wheels" / sha256
        with self._written(path) as file:
            fill(file)
        self._make_room(path)
        return path

    def _make_room(self, newest: Path) -> None:
        found = []
        for path in newest.parent.iterdir():
            with suppress(OSError):
                about = path.stat()
                found.append((about.st_mtime, about.st_size, path))
        size = sum(each for _, each, _ in found)
        for _, each, path in sorted(found):
            if size <= self._most:
                return
            if path != newest:
                path.unlink(missing_ok=True)
                size -= each

    def _write(self, path: Path, content: bytes) -> None:
        with self._written(path) as file:
            file.write(content)

    @contextmanager
    def _written(self, path: Path) -> Iterator[BinaryIO]:
        """A new file that is there as a whole, or not at all."""
        part = None
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            parts = self._folder / "parts"
            parts.mkdir(exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=parts, delete=False) as file:
                part = Path(file.name)
                yield file  # type: ignore[misc] # it is one
            part.chmod(0o400)
            part.replace(path)
        except OSError as error:
            raise Unavailable(f"packages cannot be kept in {self._folder}: {error}") from error
        finally:
            if part is not None:
                part.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Removes what a crash has left half written. Not while it is used."""
        for path in (self._folder / "parts").glob("*"):
            path.unlink(missing_ok=True)
