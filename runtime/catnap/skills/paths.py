"""A scope's files as pathlib would have them, but for `await`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from catnap.errors import NotFound
from catnap.skills.files import File, Files, Shared


@dataclass(frozen=True, slots=True)
class FilePath:
    """One key of a scope, whether there is a file or not. There are no folders:
    a path is one as long as something lies below it."""

    files: Files
    key: str

    def __truediv__(self, part: str) -> FilePath:
        return FilePath(self.files, f"{self.key}/{part}")

    def __str__(self) -> str:
        return self.key

    @property
    def name(self) -> str:
        """The last part."""
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return self.name.removesuffix(self.suffix)

    @property
    def suffix(self) -> str:
        """The name's ending, with its dot; empty where it has none."""
        stem, dot, ending = self.name.rpartition(".")
        return dot + ending if stem and ending else ""

    @property
    def parent(self) -> FilePath:
        return FilePath(self.files, self.key.rpartition("/")[0])

    async def exists(self) -> bool:
        return await self.files.stat(self.key) is not None

    async def stat(self) -> File:
        """Raises NotFound."""
        found = await self.files.stat(self.key)
        if found is None:
            raise NotFound(f"there is no file {self.key!r}")
        return found

    async def read_bytes(self, offset: int = 0, length: int | None = None) -> bytes:
        """Raises NotFound, and InvalidRequest for what begins past the end."""
        return await self.files.read(self.key, offset, length)

    async def read_text(self) -> str:
        """UTF-8. Raises NotFound."""
        return (await self.files.read(self.key)).decode()

    def stream(self, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """The content in parts: `async for part in path.stream():`."""
        return self.files.stream(self.key, offset, length)

    async def write_bytes(self, data: bytes | AsyncIterator[bytes], **how: Any) -> File:
        """From bytes, or from parts as they come. how: as in `Files.write`."""
        return await self.files.write(self.key, data, **how)

    async def write_text(self, text: str, **how: Any) -> File:
        return await self.files.write(self.key, text.encode(), **how)

    async def copy(self, target: FilePath) -> FilePath:
        """Raises NotFound."""
        await self.files.copy(self.key, target.key, to=target.files)
        return target

    async def rename(self, target: FilePath) -> FilePath:
        """Moves it, into another scope too. Raises NotFound."""
        await self.files.move(self.key, target.key, to=target.files)
        return target

    async def unlink(self, missing_ok: bool = False) -> None:
        try:
            await self.files.delete(self.key)
        except NotFound:
            if not missing_ok:
                raise

    async def link(self, seconds: int | None = None) -> Shared:
        """A link by which anybody may read it; see Files.link. Raises NotFound."""
        return await self.files.link(self.key, seconds)

    async def iterdir(self) -> AsyncGenerator[FilePath, None]:
        """What lies right below it, files and what would be folders, by key."""
        below = f"{self.key}/" if self.key else ""
        seen: set[str] = set()
        async for file in self.files.walk(below):
            name = file.key.removeprefix(below).partition("/")[0]
            if name not in seen:
                seen.add(name)
                yield FilePath(self.files, below + name)

    async def glob(self, pattern: str) -> AsyncGenerator[FilePath, None]:
        """Files below it whose key, from here on, fits: `*` stands for any
        text, slashes too."""
        below = f"{self.key}/" if self.key else ""
        async for file in self.files.walk(below):
            if fnmatchcase(file.key.removeprefix(below), pattern):
                yield FilePath(self.files, file.key)
