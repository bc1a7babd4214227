"""Where the platform may listen."""

from __future__ import annotations

import ipaddress

from catnap.errors import InvalidRequest


def check_listen(address: str, key_configured: bool) -> None:
    """Raises InvalidRequest where others could connect and no key was chosen.

    address: `host:port` or `unix:/path`. A generated key protects a loopback
    address; to be reached from elsewhere, somebody must have decided on one.
    """
    if key_configured or is_loopback(address):
        return
    raise InvalidRequest(
        f"{address} can be reached from other machines: set CATNAP_ADMIN_KEY to a key of your "
        "own, or listen on 127.0.0.1"
    )


def is_loopback(address: str) -> bool:
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
