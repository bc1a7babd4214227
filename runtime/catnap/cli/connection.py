"""The gateway as the settings name it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from catnap.cli.settings import Settings
from catnap.client import Client, Unreachable, connect, logins
from catnap.client.channel import is_loopback


def token(settings: Settings, address: str) -> str:
    """The credential to send: the one that was given, or that `catnap login`
    kept for the address or, to this machine only, the platform's own."""
    return (
        settings.token
        or logins.kept(logins.place(os.environ), address)
        or local_key(settings, address)
    )


def local_key(settings: Settings, address: str) -> str:
    """The platform's own key, where it can be read and the address is on this
    machine; else empty."""
    if not is_loopback(address):
        return ""
    if settings.admin_key:
        return settings.admin_key
    try:
        return (settings.home / "admin.key").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def unreachable(address: str, flag: str) -> Unreachable:
    return Unreachable(
        f"cannot reach the gateway at {address}: is `make run` running? "
        f"--{flag} or CATNAP_{flag.upper()} names another address"
    )


@contextmanager
def gateway(settings: Settings) -> Iterator[Client]:
    """A connected client. Raises Unavailable, with what to do, where nobody
    answers."""
    with connect(settings.grpc, token(settings, settings.grpc)) as client:
        try:
            yield client
        except Unreachable:
            raise unreachable(settings.grpc, "grpc") from None
