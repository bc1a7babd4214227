"""Whom a client of the gateway trusts, and what it shows."""

from __future__ import annotations

import ssl
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import grpc

from catnap.errors import InvalidRequest
from catnap.http import Target

_TLS = "https://"


class Secured(NamedTuple):
    """address: as it is said to people, and a credential is kept for. target:
    as gRPC wants it. credentials: None without TLS."""

    address: str
    target: str
    credentials: grpc.ChannelCredentials | None


def secured(
    address: str,
    ca: str | PathLike[str] = "",
    cert: str | PathLike[str] = "",
    key: str | PathLike[str] = "",
    credentials: grpc.ChannelCredentials | None = None,
) -> Secured:
    """Of an address with `https://` before it, TLS; of others what was given.

    ca, cert, key: files of PEM, as `connect` takes them. Raises InvalidRequest
    for what is no address, or a file that cannot be read.
    """
    if not address.startswith(_TLS):
        return Secured(address, address, credentials)
    address = str(Target.parse(address))
    if credentials is None:
        credentials = grpc.ssl_channel_credentials(
            _read(ca) or _system(), _read(key or cert), _read(cert)
        )
    return Secured(address, address.removeprefix(_TLS), credentials)


def _read(path: str | PathLike[str]) -> bytes | None:
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"TLS: {path}: {error.strerror}") from None


def _system() -> bytes | None:
    """The same authorities that HTTP's clients trust; None for gRPC's own."""
    file = ssl.get_default_verify_paths().cafile
    return _read(file) if file else None
