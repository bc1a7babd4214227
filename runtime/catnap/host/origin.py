"""How the client knows the server: the scheme, the name and the port."""

from __future__ import annotations

from catnap.http import Request


def is_secure(request: Request) -> bool:
    """Whether the client spoke HTTPS to the proxy before us, as Knative's
    queue-proxy and our gateway, which sit at this end of a loopback, pass on."""
    beside_us = request.client in ("", "127.0.0.1", "::1")
    return beside_us and request.headers.get(b"x-forwarded-proto", b"").lower() == b"https"


def server(request: Request, default_port: str) -> tuple[str, str]:
    """Name and port of the server, as its client knows it."""
    authority = request.headers.get(b"host", b"").decode("latin-1") or "localhost"
    name, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        name, port = authority, ""
    return name, port or default_port
