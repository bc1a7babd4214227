"""What the kernel lets a process reach, by Landlock: a list that is closed for ever.

Source: landlock(7), and the kernel's Documentation/userspace-api/landlock.rst.
What a kernel does not know yet it does not forbid; `abi` tells how much it knows.
No kernel of these covers UDP, nor connections to Unix sockets that have a path.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable

import msgspec

from catnap.host.process import libc

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""System calls, by the same number on every architecture that Python has wheels for."""

_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
_REFER, TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
REMOVE_FILE, MAKE_REG = 1 << 5, 1 << 8
_FIRST = (1 << 13) - 1
_DEVICES = 1 << 6 | 1 << 11
"""Making character and block devices."""
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | _IOCTL_DEV
CONNECT_TCP = 1 << 1
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = (_FIRST | _REFER | TRUNCATE) & ~_DEVICES
"""Everything that can be done in a folder of one's own."""


class Handled(msgspec.Struct, frozen=True):
    """What is forbidden unless a rule allows it: operations on files and on
    TCP, and what reaches processes outside (abstract sockets, signals)."""

    files: int
    network: int
    scope: int

    def packed(self, abi: int) -> bytes:
        """As `landlock_create_ruleset` takes it: no longer than the kernel knows."""
        fields = (self.files, self.network, self.scope)[: 1 if abi < 4 else 2 if abi < 6 else 3]
        return struct.pack(f"={len(fields)}Q", *fields)


def handled(abi: int) -> Handled:
    """All that a kernel of this version can forbid, listening on TCP excepted:
    nobody is harmed by that."""
    files = _FIRST
    for since, right in ((2, _REFER), (3, TRUNCATE), (5, _IOCTL_DEV)):
        files |= right if abi >= since else 0
    return Handled(
        files=files,
        network=CONNECT_TCP if abi >= 4 else 0,
        scope=_ABSTRACT_SOCKETS | _SIGNALS if abi >= 6 else 0,
    )


def abi() -> int:
    """The kernel's version of Landlock, from 1; 0 where there is none."""
    try:
        return _call(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    except (OSError, AttributeError):
        return 0


class Ruleset:
    """What is to be allowed. Nothing is in force until `enforce`."""

    def __init__(self, abi: int) -> None:
        """abi: at least 1. Raises OSError, as all here do."""
        self._handled = handled(abi)
        attributes = self._handled.packed(abi)
        self._fd = _call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)

    def allow(self, paths: Iterable[str], rights: int) -> None:
        """Allows this in files, and in folders with all that is in them; those
        that are not there are passed over."""
        for path in paths:
            try:
                found = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue
            try:
                possible = rights & self._handled.files
                if not stat.S_ISDIR(os.fstat(found).st_mode):
                    possible &= _OF_FILES
                _call(_ADD, self._fd, _PATH_BENEATH, struct.pack("=Qi", possible, found), 0)
            finally:
                os.close(found)

    def connect(self, ports: Iterable[int]) -> None:
        """Allows TCP connections to a port of any host."""
        for port in ports if self._handled.network else ():
            _call(_ADD, self._fd, _NET_PORT, struct.pack("=QQ", CONNECT_TCP, port), 0)

    def enforce(self) -> None:
        """Confines this thread and all that it starts, which must have renounced
        its privileges (`process.renounce`). There is no way back."""
        _call(_RESTRICT, self._fd, 0)
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _call(number: int, *arguments: object) -> int:
    result: int = libc().syscall(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), f"landlock {errno.errorcode.get(code, code)}")
    return result
