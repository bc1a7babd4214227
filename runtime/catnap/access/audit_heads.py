"""Where a chain ends, and where it begins, signed; its end once more beside
the database.

What is cut off a chain's end leaves a chain that is whole. So its end is kept
twice: signed in the database, where nobody writes it without the key, and in
a file of the state folder. That file may be one commit behind after a crash,
and never ahead: a chain that does not hold the file's record was cut.

What was kept for long enough is cut off a chain's beginning. The last record
that went stays as a Cut, which nobody makes without the key either.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import msgspec

from catnap.events.ids import path_part


class Head(msgspec.Struct, frozen=True):
    """The last record of a tenant's chain. signature: empty where the chain was
    found broken, so that no later record makes it look whole."""

    tenant: str
    number: int
    hash: str
    signature: str = ""


class Cut(msgspec.Struct, frozen=True):
    """The last record that was cut off a chain's beginning. until: its time."""

    tenant: str
    number: int
    hash: str
    until: str
    signature: str = ""


class Signer:
    """key: any secret that all gateways of an installation have."""

    def __init__(self, key: bytes) -> None:
        # A key of its own, whatever else the secret is for.
        self._key = hmac.digest(key, b"catnap audit heads", hashlib.sha256)

    def signed(self, tenant: str, number: int, digest: str) -> Head:
        return Head(tenant, number, digest, self._signature(tenant, number, digest))

    def cut(self, tenant: str, number: int, digest: str, until: str) -> Cut:
        signature = self._signature(tenant, number, digest, until)
        return Cut(tenant, number, digest, until, signature)

    def good(self, end: Head | Cut) -> bool:
        """Whether the end of a chain is one that was signed with the key."""
        told: tuple[str | int, ...] = (end.tenant, end.number, end.hash)
        if isinstance(end, Cut):
            told = (*told, end.until)
        return hmac.compare_digest(self._signature(*told).encode(), end.signature.encode())

    def _signature(self, *told: str | int) -> str:
        return hmac.digest(self._key, msgspec.json.encode(told), hashlib.sha256).hex()


class Anchors:
    """The file of each chain."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, tenant: str) -> Head | None:
        """None where there is none yet. A file that cannot be read as a head
        is one that no chain holds."""
        try:
            return msgspec.json.decode(self._path(tenant).read_bytes(), type=Head)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Head(tenant, -1, "")

    def write(self, head: Head) -> None:
        """Replaces it as a whole. Not synced: after a crash of the machine it
        may be an older one, which the chain holds as well."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = self._folder / "%new"
        aside.write_bytes(msgspec.json.encode(head))
        aside.replace(self._path(head.tenant))

    def _path(self, tenant: str) -> Path:
        # No id gives a part that is a bare `%`.
        return self._folder / (path_part(tenant) or "%")
