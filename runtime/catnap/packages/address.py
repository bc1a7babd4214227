"""Where the index is, and where what it names may be read from."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from ipaddress import ip_address
from socket import inet_aton
from urllib.parse import SplitResult, unquote, urlsplit

from catnap.errors import InvalidRequest


@dataclass(frozen=True)
class Index:
    """A simple repository (PEP 503, PEP 691). url: with a slash at its end and
    without credentials. authorization: what it alone is shown, empty for nothing."""

    url: str
    authorization: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Index:
        """`https://[user:password@]host/simple/`; http:// on this machine alone.
        Raises InvalidRequest, which repeats no credentials."""
        parts = _split(text)
        if parts is None or parts.query or parts.fragment or not _taken(parts):
            raise InvalidRequest(
                "CATNAP_INDEX: must be https://host/simple/, or http:// where the host is this "
                "machine"
            )
        where = parts.netloc.rpartition("@")[2]
        url = f"{parts.scheme}://{where}{parts.path.rstrip('/')}/"
        if parts.username is None:
            return cls(url)
        said = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return cls(url, f"Basic {b64encode(said.encode()).decode()}")

    def page(self, name: str) -> str:
        """name: normalized."""
        return f"{self.url}{name}/"

    def permits(self, url: str) -> bool:
        """Whether what the index names, or leads to, may be read: over HTTPS.
        This machine's own ports are open to an index on just that port."""
        parts = _split(url)
        if parts is None or parts.username is not None:
            return False
        return self.has(url) or (parts.scheme == "https" and not _is_here(parts))

    def has(self, url: str) -> bool:
        """Whether it is at the index's own origin, which knows its credentials."""
        own, other = urlsplit(self.url), _split(url)
        return other is not None and (own.scheme, own.netloc) == (other.scheme, other.netloc)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.hostname and url.isascii() and url.isprintable() else None


def _taken(parts: SplitResult) -> bool:
    return parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts))


def _is_here(parts: SplitResult) -> bool:
    host = (parts.hostname or "").removesuffix(".")
    try:
        address = ip_address(host)
    except ValueError:
        try:
            address = ip_address(inet_aton(host))  # 127.1 and 0, which sockets take, too
        except OSError:
            return host == "localhost" or host.endswith(".localhost")
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
