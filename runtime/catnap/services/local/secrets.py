"""An instance's secrets, and how they get into it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

Secrets = Callable[[str, str, Sequence[str]], Awaitable[Mapping[str, str]]]
"""Gives those of these names that are set, of a namespace's service."""


async def none(namespace: str, service: str, names: Sequence[str]) -> Mapping[str, str]:
    return {}


def in_memory(secrets: Mapping[str, str]) -> int:
    """A descriptor of a file with all of them, which has no name on any disk
    and which nobody can write to. The caller closes it."""
    content = msgspec.json.encode(secrets)
    if not hasattr(os, "memfd_create"):
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.flush()
            return os.dup(file.fileno())
    import fcntl

    descriptor = os.memfd_create("secrets", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(descriptor, content)
    os.fchmod(descriptor, 0o400)
    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor
