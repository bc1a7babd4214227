"""What a snapshot is: every folder, link and file, and where the bytes lie.

Paths are bytes, as the file system has them, relative and without `.` or `..`;
each list is in their order, so that a folder comes before what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec


class Chunk(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A piece of a file. digest: BLAKE2b of its bytes. pack, at: which of the
    manifest's packs holds it, and where in that. place: where in the file."""

    digest: bytes
    pack: int
    at: int
    size: int
    place: int


class File(msgspec.Struct, frozen=True, array_like=True):
    """mode: the permission bits. modified: nanoseconds since the epoch. What no
    chunk covers is zeros."""

    path: bytes
    mode: int
    modified: int
    size: int
    chunks: tuple[Chunk, ...] = ()


class Folder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    path: bytes
    mode: int


class Link(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A symbolic link. target: as it was written; nothing here follows it."""

    path: bytes
    target: bytes


class Pack(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An object that holds chunks. size: bytes before it was compressed."""

    name: str
    size: int


class Manifest(msgspec.Struct, frozen=True, array_like=True):
    folders: tuple[Folder, ...] = ()
    links: tuple[Link, ...] = ()
    files: tuple[File, ...] = ()
    packs: tuple[Pack, ...] = ()

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
        """Whether each chunk lies in one of the packs, whoever wrote it."""
        packs = range(len(self.packs))
        chunks = (chunk for file in self.files for chunk in file.chunks)
        return all(
            each.pack in packs and each.at >= 0 and each.size >= 0 and each.place >= 0
            for each in chunks
        )


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
