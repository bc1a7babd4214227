"""What a snapshot is: every folder, link and file, and where the bytes lie.

Paths are bytes, as the file system has them, relative and without `.` or `..`;
each list is in their order, so that a folder comes before what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec

from catnap.snapshots.beneath import leads_inside

LONGEST = (1 << 63) - 1
"""Bytes of a file, and of all together: what a file system can have, and a store note."""

MOST = 1 << 20
"""Entries of each kind, as far as a manifest is read at all; see bounds.Bounds for less."""

_Size = Annotated[int, msgspec.Meta(ge=0, le=LONGEST)]
_Mode = Annotated[int, msgspec.Meta(ge=0, le=0o7777)]
_Time = Annotated[int, msgspec.Meta(ge=-LONGEST, le=LONGEST)]
_Few = msgspec.Meta(max_length=MOST)


class Chunk(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A piece of a file. digest: BLAKE2b of its bytes. pack, at: which of the
    manifest's packs holds it, and where in that. place: where in the file."""

    digest: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    pack: _Size
    at: _Size
    size: _Size
    place: _Size


class File(msgspec.Struct, frozen=True, array_like=True):
    """mode: the permission bits. modified: nanoseconds since the epoch. What no
    chunk covers is zeros."""

    path: bytes
    mode: _Mode
    modified: _Time
    size: _Size
    chunks: Annotated[tuple[Chunk, ...], _Few] = ()


class Folder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    path: bytes
    mode: _Mode


class Link(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A symbolic link. target: as it was written; nothing here follows it."""

    path: bytes
    target: bytes


class Pack(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An object that holds chunks. size: bytes before it was compressed."""

    name: str
    size: _Size


class Manifest(msgspec.Struct, frozen=True, array_like=True):
    folders: Annotated[tuple[Folder, ...], _Few] = ()
    links: Annotated[tuple[Link, ...], _Few] = ()
    files: Annotated[tuple[File, ...], _Few] = ()
    packs: Annotated[tuple[Pack, ...], _Few] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def live(self) -> list[int]:
        """Bytes of each pack that a file still has; what two have counts twice."""
        found = [0] * len(self.packs)
        for file in self.files:
            for chunk in file.chunks:
                found[chunk.pack] += chunk.size
        return found

    @property
    def sound(self) -> bool:
        """Whether it can be a folder's, whoever wrote it: its paths lead inside,
        its chunks lie in the packs, and in each file one behind the other."""
        entries: tuple[Folder | Link | File, ...] = (*self.folders, *self.links, *self.files)
        return (
            all(leads_inside(each.path) for each in entries)
            and all(each.target and b"\0" not in each.target for each in self.links)
            and all(map(self._is_whole, self.files))
        )

    def _is_whole(self, file: File) -> bool:
        end = 0
        for chunk in file.chunks:
            if chunk.pack >= len(self.packs) or chunk.place < end:
                return False
            if chunk.at + chunk.size > self.packs[chunk.pack].size:
                return False
            end = chunk.place + chunk.size
        return end <= file.size


EMPTY = Manifest()
_decoder = msgspec.msgpack.Decoder(Manifest)


def encode(manifest: Manifest) -> bytes:
    return msgspec.msgpack.encode(manifest)


def decode(raw: bytes) -> Manifest:
    """Raises msgspec.DecodeError."""
    return _decoder.decode(raw)


def used(
    packs: Mapping[int, Pack], files: Iterable[File]
) -> tuple[tuple[Pack, ...], tuple[File, ...]]:
    """Only the packs that a file has a chunk of, numbered from 0, and the files
    by those numbers."""
    files = tuple(files)
    wanted = sorted({chunk.pack for file in files for chunk in file.chunks})
    numbers = {old: new for new, old in enumerate(wanted)}
    replace = msgspec.structs.replace

    def renumbered(file: File) -> File:
        if all(numbers[each.pack] == each.pack for each in file.chunks):
            return file
        chunks = tuple(replace(each, pack=numbers[each.pack]) for each in file.chunks)
        return replace(file, chunks=chunks)

    return tuple(packs[old] for old in wanted), tuple(map(renumbered, files))
