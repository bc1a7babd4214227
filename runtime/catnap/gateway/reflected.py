"""What reflection describes by name."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool


class Pool:
    """Everything that a pool has, and the files of methods, too: protobuf finds
    no file by the name of a method, which grpcurl asks for."""

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802
        """Raises KeyError where there is none."""
        try:
            found: FileDescriptor = self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            found = self._pool.FindMethodByName(symbol).containing_service.file
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)
