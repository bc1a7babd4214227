"""What a request is about: the path and query of its target, and its host.

Source: RFC 9112, section 3.2; RFC 9110, sections 4.2.4 and 7.2.
"""

from __future__ import annotations

import re
import socket

from catnap.errors import InvalidRequest

# A name or an address, perhaps with a port; never a user.
_HOST = re.compile(
    rb"(?:(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{0,5}))?",
    re.ASCII,
)
# In a query browsers send some of what RFC 3986 has no place for; a percent sign
# that begins no escape stands for itself in any function framework.
_LEGAL = re.compile(rb"[\w.~!$%&'()*+,;=:@/\[\]-]*(?:\?[^\"<>]*)?", re.ASCII)
_URL = re.compile(rb"https?://([^/?]+)([^?]*)(.*)", re.IGNORECASE)


def check_host(host: bytes) -> None:
    """Raises InvalidRequest for what can be nobody's host."""
    found = _HOST.fullmatch(host)
    if found is None or int(found[2] or 0) > 0xFFFF or not _is_ipv6(found[1]):
        raise InvalidRequest(f"header 'host': {_shown(host)} is no host")


def _is_ipv6(address: bytes | None) -> bool:
    """Whether it is one, where there is one."""
    try:
        return address is None or bool(socket.inet_pton(socket.AF_INET6, address.decode()))
    except OSError:
        return False


def origin_form(method: bytes, target: bytes, headers: dict[bytes, bytes]) -> str:
    """Path and query of a target, which a client may have given as a URL:
    then the URL's host is the one that counts, and takes its place in
    `headers`. Raises InvalidRequest for any other form."""
    if b"#" in target:
        raise InvalidRequest("the target has a fragment, which is the client's own")
    if not _LEGAL.fullmatch(target):
        raise InvalidRequest(f"the target {_shown(target)} holds what has to be percent-encoded")
    if target[:1] == b"/":
        return target.decode("latin-1")
    if target == b"*" and method == b"OPTIONS":
        return "*"
    url = _URL.fullmatch(target)
    if url is None:
        raise InvalidRequest(f"the target {_shown(target)} is no path and no URL")
    host, path, query = url.groups()
    check_host(host)
    headers[b"host"] = host
    return ((path or b"/") + query).decode("latin-1")


def _shown(text: bytes) -> str:
    return repr(text[:80].decode("latin-1"))
