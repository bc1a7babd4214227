"""The gateway as the settings name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from catnap.cli.settings import Settings
from catnap.client import Client, Unreachable, connect
from catnap.client.channel import is_loopback


def token(settings: Settings, address: str) -> str:
    """The credential to send: the one that was given or, to this machine
    only, the platform's own where it can be read."""
    if settings.token or not is_loopback(address):
        return settings.token
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
