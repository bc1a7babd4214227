"""Chunks put together into packs, which are objects of a size worth a trip."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from hashlib import blake2b

import zstandard

from catnap.errors import Unavailable
from catnap.snapshots.manifest import Chunk, File, Manifest, Pack

PACK = 4 << 20
"""Bytes of a pack before it is compressed, and of a chunk, at most."""

LARGEST = PACK + (PACK >> 6)
"""Bytes of a pack once it is compressed, where nothing of it can be."""

ALONE = 1 << 20
"""Bytes of a chunk that is a pack by itself: its next version then leaves
nothing behind that others still need."""

_LEVEL = 1
_NAME_BYTES = 20
NAME = re.compile(r"(\d{1,18})-[0-9a-f]{40}", re.ASCII)
"""Every object's: the epoch, and the digest."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An object ready to be stored. content: as it is stored."""

    name: str
    content: bytes


def digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=32).digest()


def sealed(content: bytes, epoch: int) -> Sealed:
    """Compressed and named."""
    return named(zstandard.ZstdCompressor(_LEVEL).compress(content), epoch)


def named(packed: bytes, epoch: int) -> Sealed:
    """By the epoch it was made in, and by what it holds."""
    return Sealed(f"{epoch}-{_digest(packed)}", packed)


def opened(name: str, packed: bytes, most: int) -> bytes:
    """What was sealed under that name, of at most so many bytes. Raises
    Unavailable where it is something else."""
    if name.partition("-")[2] != _digest(packed):
        raise Unavailable(f"the workspace's object {name} is damaged: its content is another")
    try:
        # It would take as much memory as the packed says that it needs.
        if zstandard.frame_content_size(packed) > most:
            raise zstandard.ZstdError(f"it holds more than {most:,} bytes")
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=most)
    except zstandard.ZstdError as error:
        raise Unavailable(f"the workspace's object {name} is damaged: {error}") from None


class Packer:
    """Takes chunks, and gives packs as they fill up. Chunks that it was given
    before, or that the manifest has, are not packed again."""

    def __init__(self, manifest: Manifest, epoch: int) -> None:
        self._epoch = epoch
        self._known = {chunk.digest: chunk for file in manifest.files for chunk in file.chunks}
        self._numbers = itertools.count(len(manifest.packs))
        """A pack has its number before it is whole and has a name."""
        self._open = bytearray()
        self._number = next(self._numbers)
        self.packs: dict[int, Pack] = dict(enumerate(manifest.packs))

    def forget(self, packs: frozenset[int]) -> None:
        """What lies in these is packed again where it is given once more."""
        known = self._known.items()
        self._known = {name: chunk for name, chunk in known if chunk.pack not in packs}

    def add(self, content: bytes, place: int) -> tuple[Chunk, list[Sealed]]:
        """A file's piece, and the packs that are whole by now."""
        name = digest(content)
        known = self._known.get(name)
        if known is not None:
            return Chunk(name, known.pack, known.at, known.size, place), []
        if len(content) >= ALONE:
            chunk = Chunk(name, next(self._numbers), 0, len(content), place)
            full = [self._seal(content, chunk.pack)]
        else:
            chunk = Chunk(name, self._number, len(self._open), len(content), place)
            self._open += content
            full = self.flush() if len(self._open) >= PACK - ALONE else []
        self._known[name] = chunk
        return chunk, full

    def flush(self) -> list[Sealed]:
        """The pack that is open, if anything is in it."""
        if not self._open:
            return []
        pack = self._seal(bytes(self._open), self._number)
        self._open.clear()
        self._number = next(self._numbers)
        return [pack]

    def _seal(self, content: bytes, number: int) -> Sealed:
        pack = sealed(content, self._epoch)
        self.packs[number] = Pack(pack.name, len(content))
        return pack


def worn(manifest: Manifest, budget: int = PACK, small: int = 16) -> frozenset[int]:
    """Packs whose live content is better packed anew: those of which less than
    half is still needed, and small ones where there are more than `small`.
    budget: bytes of live content, at most, so that no snapshot pays for many.
    """
    live = manifest.live()
    half = [n for n, pack in enumerate(manifest.packs) if live[n] * 2 < pack.size]
    little = [n for n, pack in enumerate(manifest.packs) if pack.size < ALONE]
    candidates = {*half, *(little if len(little) > small else ())}
    found = set()
    for number in sorted(candidates, key=live.__getitem__):
        budget -= live[number]
        if budget < 0:
            break
        found.add(number)
    return frozenset(found)


def needs(file: File, packs: frozenset[int]) -> bool:
    """Whether any of its chunks lies in one of these packs."""
    return not packs.isdisjoint(chunk.pack for chunk in file.chunks)


def _digest(packed: bytes) -> str:
    return blake2b(packed, digest_size=_NAME_BYTES).hexdigest()
