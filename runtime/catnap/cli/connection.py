"""The gateway as the settings name it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from catnap.cli.settings import Settings
from catnap.client import Client, Unreachable, connect, logins
from catnap.client.channel import is_loopback
from catnap.http import Client as HttpClient
from catnap.http.client_tls import client_context


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


def unreachable(address: str, flag: str, cause: Exception | None = None) -> Unreachable:
    """cause: why, where that is known."""
    reason = cause.__cause__ if cause else None
    said = f" ({reason})" if isinstance(reason, ssl.SSLError) else ""
    ask = "is `make run` running?"
    if address.startswith("https://"):
        ask = "is its certificate one that --ca trusts, and does it ask for --client-cert?"
    return Unreachable(
        f"cannot reach the gateway at {address}{said}: {ask} "
        f"--{flag} or CATNAP_{flag.upper()} names another address"
    )


def http_client(settings: Settings) -> HttpClient:
    """Trusts and shows what the settings say. Raises InvalidRequest for files
    that are no good."""
    return HttpClient(tls=tls(settings))


def tls(settings: Settings) -> ssl.SSLContext | None:
    """Of the HTTP address; None where it speaks none. Raises as `http_client`."""
    if not settings.http.startswith("https://"):
        return None
    return client_context(*_files(settings))


def _files(settings: Settings) -> tuple[str, str, str]:
    return (
        str(settings.ca or ""),
        str(settings.client_cert or ""),
        str(settings.client_key or ""),
    )


@contextmanager
def gateway(settings: Settings) -> Iterator[Client]:
    """A connected client. Raises Unavailable, with what to do, where nobody
    answers."""
    ca, cert, key = _files(settings)
    known = token(settings, settings.grpc)
    with connect(settings.grpc, known, ca=ca, cert=cert, key=key) as client:
        try:
            yield client
        except Unreachable:
            raise unreachable(settings.grpc, "grpc") from None
