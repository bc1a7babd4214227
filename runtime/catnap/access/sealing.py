"""Secrets at rest: AES-256-GCM, each bound to whose it is.

    nonce (12 bytes) | ciphertext and tag

A row that is moved to another tenant, skill or name does not open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from catnap.access import keyfile, keyring_key
from catnap.errors import InvalidRequest, Unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
Name = tuple[str, str, str]
"""Tenant, skill and name."""


class Seal:
    """key: at least 256 random bits. random: as os.urandom. Raises
    InvalidRequest where the package for it is not installed."""

    def __init__(self, key: str, random: Callable[[int], bytes]) -> None:
        self._cipher = _cipher(hashlib.sha256(b"catnap secrets\0" + key.encode()).digest())
        self._random = random

    def close(self, name: Name, value: bytes) -> bytes:
        nonce = self._random(_NONCE)
        return nonce + self._cipher.encrypt(nonce, value, msgspec.json.encode(name))

    def open(self, name: Name, sealed: bytes) -> bytes:
        """Raises Unavailable where it was changed, or closed with another key."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], msgspec.json.encode(name))
        except (InvalidTag, ValueError):
            raise Unavailable(
                f"secret {name[2]!r} of skill {name[1]!r} cannot be opened: it was changed, or "
                "the key of secrets is another; set it again"
            ) from None


Keeper = Literal["file", "keyring"]


def secrets_key(home: Path, keeper: Keeper = "file") -> str:
    """What is in `secrets.key` of the state folder or in the keyring, made on
    first use.

    Raises InvalidRequest, naming the file where others can read it, or saying
    what the keyring lacks.
    """
    if keeper == "keyring":
        return keyring_key.kept(home, keyfile.random_text)
    return keyfile.kept(home / "secrets.key", keyfile.random_text)


def _cipher(key: bytes) -> AESGCM:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise InvalidRequest(
            "secrets are kept encrypted, which needs the package cryptography: "
            "pip install 'catnap-functions[secrets]'"
        ) from None
    return AESGCM(key)
