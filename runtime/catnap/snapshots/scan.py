"""What is in a folder, by a look at each name and at no content."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from operator import attrgetter

from catnap.snapshots.beneath import FOLDER
from catnap.snapshots.bounds import Bounds
from catnap.snapshots.manifest import Folder, Link

MODE = 0o777
"""Of a mode only this is kept: nothing comes back with its owner's rights."""

Signature = tuple[int, int, int, int]
"""Size, time of content and of inode in nanoseconds, inode. A file whose
signature is the same has the same content, see `is_settled`."""

GRAIN = 20_000_000
"""Nanoseconds between two times that a file system tells apart, at most: its
clock is the kernel's tick of 1 to 10 ms."""

REPLACED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL)
"""What the kernel says where a name went, or is something else by now."""


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file."""

    path: bytes
    mode: int
    signature: Signature


@dataclass(slots=True)
class Scan:
    """In the order of paths. left_out: what can be kept by nobody: devices,
    sockets, pipes, other file systems, and what the platform may not read."""

    folders: list[Folder] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    files: list[Found] = field(default_factory=list)
    left_out: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.folders) + len(self.links) + len(self.files) + len(self.left_out)


def scan(root: int, bounds: Bounds) -> Scan:
    """root: a descriptor of the folder. What appears or goes meanwhile may or
    may not be seen. Raises ResourceExhausted and OSError."""
    found = Scan()
    _walk(root, b"", os.fstat(root).st_dev, 0, bounds, found)
    by_path = attrgetter("path")
    found.folders.sort(key=by_path)
    found.links.sort(key=by_path)
    found.files.sort(key=by_path)
    return found


def signature_of(status: os.stat_result) -> Signature:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def is_settled(signature: Signature, now: int) -> bool:
    """Whether a change after `now` (nanoseconds since the epoch) would show: a
    file written to twice within one grain has the same times both times."""
    return signature[2] < now - GRAIN


def _walk(folder: int, prefix: bytes, device: int, depth: int, bounds: Bounds, found: Scan) -> None:
    bounds.check("folders inside one another", depth, bounds.depth)
    for name in map(os.fsencode, os.listdir(folder)):
        path = prefix + name
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            mode = stat.S_IMODE(status.st_mode) & MODE
            if status.st_dev != device:
                found.left_out.append(path)
            elif stat.S_ISREG(status.st_mode):
                found.files.append(Found(path, mode, signature_of(status)))
            elif stat.S_ISLNK(status.st_mode):
                found.links.append(Link(path, os.readlink(name, dir_fd=folder)))
            elif stat.S_ISDIR(status.st_mode):
                inner = os.open(name, FOLDER, dir_fd=folder)
                found.folders.append(Folder(path, mode))
                try:
                    _walk(inner, path + b"/", device, depth + 1, bounds, found)
                finally:
                    os.close(inner)
            else:
                found.left_out.append(path)
        except OSError as error:
            if error.errno == errno.EACCES:
                found.left_out.append(path)
            elif error.errno not in REPLACED:
                raise
        bounds.check("files, folders and links", len(found), bounds.entries)
