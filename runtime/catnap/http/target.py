"""Where a client connects to."""

from __future__ import annotations

import msgspec

from catnap.errors import InvalidRequest

_PLAIN, _TLS = "http://", "https://"


class Target(msgspec.Struct, frozen=True):
    """Where to connect: a Unix socket's path, or a host and a port."""

    host: str = ""
    port: int = 0
    path: str = ""
    tls: bool = False

    @classmethod
    def parse(cls, address: str) -> Target:
        """`unix:/path`, `host:port`, or `https://host` for TLS. Raises InvalidRequest."""
        if address.startswith("unix:/"):
            return cls(path=address[5:])
        tls = address.startswith(_TLS)
        name = address.removeprefix(_TLS if tls else _PLAIN)
        if name != address:
            name = name.removesuffix("/")
            if not name.rpartition("]")[2].count(":"):
                name += ":443" if tls else ":80"
        host, _, port = name.rpartition(":")
        if not host or "/" in host or not _is_port(port):
            raise InvalidRequest(
                f"address {address!r}: must be host:port, https://host:port or unix:/path"
            )
        return cls(host=host.strip("[]"), port=int(port), tls=tls)

    @property
    def authority(self) -> str:
        """What the Host header says."""
        if self.path:
            return "localhost"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return _TLS + self.authority if self.tls else self.authority


def _is_port(text: str) -> bool:
    return text.isdecimal() and len(text) < 6 and int(text) <= 65535
