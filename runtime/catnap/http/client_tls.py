"""Whom a client trusts, and what it shows."""

from __future__ import annotations

import ssl

from catnap.errors import InvalidRequest


def client_context(ca: str = "", cert: str = "", key: str = "") -> ssl.SSLContext:
    """Files of PEM. ca: the authorities to trust; empty for the system's. cert,
    key: the client's own, where the server asks for one. Raises InvalidRequest
    for files that are no good."""
    try:
        context = ssl.create_default_context(cafile=ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if cert:
            context.load_cert_chain(cert, key or None, password="")
    except OSError as error:
        names = ", ".join(filter(None, (ca, cert, key)))
        raise InvalidRequest(f"TLS: {names}: {error.strerror or error}") from None
    return context
