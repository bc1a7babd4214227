"""Where a client connects to."""

from __future__ import annotations

import msgspec

from catnap.errors import InvalidRequest


class Target(msgspec.Struct, frozen=True):
    """Where to connect: a Unix socket's path, or a host and a port."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, address: str) -> Target:
        """`unix:/path` or `host:port`. Raises InvalidRequest."""
        if address.startswith("unix:/"):
            return cls(path=address[5:])
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise InvalidRequest(f"address {address!r}: must be host:port or unix:/path")
        return cls(host=host.strip("[]"), port=int(port))

    @property
    def authority(self) -> str:
        """What the Host header says."""
        if self.path:
            return "localhost"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else self.authority
