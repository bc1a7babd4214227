"""A CONNECT request as bytes, strictly. Source: RFC 9110, 9.3.6; RFC 9112, 3.2.3.

Whoever stands in front of a tunnel must not be talked into reading a request
in a second way: a line break, a space or a field that could be taken
differently elsewhere is refused, never repaired.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass

from catnap.errors import InvalidRequest
from catnap.http.errors import HeadersTooLarge, MethodNotAllowed, ProxyAuthenticationRequired
from catnap.skills.hosts import Place, parse_place

END = b"\r\n\r\n"
_COUNT = 100
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST = re.compile(rb"(%b) ([!-~]+) HTTP/1\.[01]\Z" % _TOKEN)
_FIELD = re.compile(rb"(%b):[ \t]*([\t -~\x80-\xff]*)\Z" % _TOKEN)


@dataclass(frozen=True, slots=True)
class Connect:
    """Where to, and with which Grant."""

    place: Place
    grant: str


def find_end(data: bytes | bytearray, limit: int) -> int:
    """Where the head ends, 0 while it has not; raises as soon as it cannot
    become one."""
    end = data.find(END) + len(END)
    if end >= len(END):
        if end <= limit:
            return end
    elif len(data) <= limit:
        if data and not 0x41 <= data[0] <= 0x5A:
            raise InvalidRequest(
                "not HTTP/1.1: the proxy's own URL begins with http://, also for https:// "
                "addresses behind it"
            )
        return 0
    raise HeadersTooLarge(f"more than {limit:,} bytes of headers")


def parse_head(head: bytes) -> Connect:
    """head: all of it, with the empty line at its end.

    Raises InvalidRequest, MethodNotAllowed for another method than CONNECT,
    and ProxyAuthenticationRequired where no Grant is shown.
    """
    first, *lines = head.removesuffix(END).split(b"\r\n")
    request = _REQUEST.match(first)
    if not request:
        raise InvalidRequest(
            f"the request line is not `CONNECT host:port HTTP/1.1`: {first[:80]!r}"
        )
    method, target = (each.decode("ascii") for each in request.groups())
    if method != "CONNECT":
        raise MethodNotAllowed(
            f"{method[:20]}: this proxy only takes CONNECT, as clients send it for https://; "
            "plain http:// could be read and changed on its way, so ask for https://",
            ("CONNECT",),
        )
    if len(lines) > _COUNT:
        raise HeadersTooLarge(f"more than {_COUNT} headers")
    credentials = []
    for line in lines:
        field = _FIELD.match(line)
        if not field:
            raise InvalidRequest(f"not a header: {line[:80]!r}")
        if field[1].lower() == b"proxy-authorization":
            credentials.append(field[2].strip(b" \t").decode("latin-1"))
    place = parse_place(target)
    if len(credentials) > 1:
        raise InvalidRequest("header 'proxy-authorization': is there twice")
    return Connect(place, _grant(credentials[0] if credentials else ""))


def _grant(credential: str) -> str:
    """Of `Bearer <grant>`, or the password of Basic credentials."""
    scheme, _, value = credential.partition(" ")
    grant = ""
    match scheme.lower():
        case "bearer":
            grant = value.strip()
        case "basic":
            try:
                grant = b64decode(value.strip(), validate=True).decode("ascii").partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                raise ProxyAuthenticationRequired(
                    "the Proxy-Authorization header holds no base64 of `catnap:<grant>`"
                ) from None
    if not grant:
        raise ProxyAuthenticationRequired(
            "the proxy takes the Grant of a call: in a skill, give your HTTP client "
            "`ctx.proxy` as its proxy"
        )
    return grant
