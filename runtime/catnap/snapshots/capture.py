"""From a folder, and what was last known of it, to a snapshot."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field

from catnap.snapshots.bounds import Bounds
from catnap.snapshots.manifest import EMPTY, Chunk, File, Manifest, used
from catnap.snapshots.packing import Packer, Sealed, needs, worn
from catnap.snapshots.reading import Reader
from catnap.snapshots.scan import REPLACED, Found, Scan, Signature, is_settled, scan

TRIES = 3
"""Times that a file is read which changes meanwhile. After the last it is kept
as it was read, and read again for the next snapshot."""


@dataclass(frozen=True, slots=True)
class Index:
    """A snapshot, and by which signatures its files are known again here."""

    manifest: Manifest = EMPTY
    signatures: dict[bytes, Signature] = field(default_factory=dict)


def index(manifest: Manifest, found: Scan, now: int) -> Index:
    """Of a folder that holds just that, at `now` in nanoseconds."""
    settled = {each.path: each.signature for each in found.files if is_settled(each.signature, now)}
    return Index(manifest, settled)


class Capture:
    """One snapshot in the making. Blocks: to be used in one thread.

    `packs` has to be read to its end; then `index` is the new one.
    """

    def __init__(self, root: int, before: Index, epoch: int, now: int, bounds: Bounds) -> None:
        """root: a descriptor of the folder. now: nanoseconds since the epoch,
        of the clock that files are dated by."""
        self._root = root
        self._before = before
        self._now = now
        self._bounds = bounds
        self._worn = worn(before.manifest)
        self._packer = Packer(before.manifest, epoch)
        self._known = {file.path: file for file in before.manifest.files}
        self._files: dict[bytes, File] = {}
        self._signatures: dict[bytes, Signature] = {}
        self._read = 0
        self.index = before
        self.left_out: list[bytes] = []

    @property
    def changed(self) -> bool:
        """Whether the folder is another than before."""
        return self.index.manifest is not self._before.manifest

    def packs(self) -> Iterator[Sealed]:
        """The packs that have to be stored. Raises OSError, and
        ResourceExhausted where the folder holds too much."""
        found = scan(self._root, self._bounds)
        self.left_out = found.left_out
        for each in found.files:
            if not self._is_known(each):
                yield from self._take(each)
        before = self._before.manifest
        folders, links = tuple(found.folders), tuple(found.links)
        if (folders, links, self._kept(found)) == (before.folders, before.links, before.files):
            self.index = Index(before, self._signatures)
            return
        self._packer.forget(self._worn)
        for each in found.files:
            if each.path in self._files and needs(self._files[each.path], self._worn):
                yield from self._take(each)
        yield from self._packer.flush()
        packs, files = used(self._packer.packs, self._kept(found))
        manifest = Manifest(folders, links, files, packs)
        self._bounds.check("bytes of content", sum(manifest.live()), self._bounds.size)
        self.index = Index(manifest, self._signatures)

    def _kept(self, found: Scan) -> tuple[File, ...]:
        return tuple(self._files[each.path] for each in found.files if each.path in self._files)

    def _is_known(self, found: Found) -> bool:
        known = self._known.get(found.path)
        if known is None or self._before.signatures.get(found.path) != found.signature:
            return False
        self._files[found.path] = known
        self._signatures[found.path] = found.signature
        return True

    def _take(self, found: Found) -> Iterator[Sealed]:
        """Reads a file; one that is gone by now is not part of the snapshot."""
        path = found.path
        self._signatures.pop(path, None)
        try:
            for _ in range(TRIES):
                with Reader(self._root, path) as reader:
                    chunks: list[Chunk] = []
                    for place, content in reader.chunks():
                        self._read += len(content)
                        self._bounds.check("bytes to read", self._read, TRIES * self._bounds.size)
                        chunk, full = self._packer.add(content, place)
                        chunks.append(chunk)
                        yield from full
                    modified = reader.signature[1]
                    self._files[path] = File(path, found.mode, modified, reader.size, tuple(chunks))
                    if not reader.unchanged:
                        continue
                    if is_settled(reader.signature, self._now):
                        self._signatures[path] = reader.signature
                    return
        except OSError as error:
            self._files.pop(path, None)
            if error.errno == errno.EACCES:
                self.left_out.append(path)
            elif error.errno not in REPLACED:
                raise
