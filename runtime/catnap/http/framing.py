"""How a response goes over the wire. Source: RFC 9112, section 6."""

from __future__ import annotations

from operator import itemgetter

import msgspec

from catnap.errors import InvalidRequest
from catnap.http.fields import write_fields
from catnap.http.message import Response, status_line

_name = itemgetter(0)
_OURS = frozenset((b"connection", b"content-length", b"keep-alive", b"transfer-encoding"))
_LOOKED_FOR = _OURS | {b"date"}


class Framing(msgspec.Struct, frozen=True):
    """The head of a response, and what has to follow it.

    length: bytes of the body, where that is promised. keep_alive: whether
    another response may follow on the connection.
    """

    head: bytes
    has_body: bool
    chunked: bool
    length: int | None
    keep_alive: bool


def frame(
    response: Response,
    *,
    method: str = "GET",
    keep_alive: bool = True,
    old: bool = False,
    date: bytes = b"",
) -> Framing:
    """The framing of an answer to a request.

    method: of the request. old: it was HTTP/1.0, which knows no chunks. date:
    the line that says it, where the response has no date of its own. The
    fields that frame a message are ours: of those in the response only
    `content-length` counts, where the length cannot be seen. Raises
    InvalidRequest where a header cannot be sent.
    """
    has_body = method != "HEAD" and response.status not in (204, 304)
    fields, body = response.headers, response.body
    ours = bool(fields) and not _LOOKED_FOR.isdisjoint(map(_name, fields))
    if ours:
        names = {name.lower() for name, _ in fields}
        ours = not _OURS.isdisjoint(names)
        if b"date" in names:
            date = b""
    if isinstance(body, bytes) and has_body and keep_alive and not (ours or old):
        # Nearly all answers; what follows would write the same.
        lines = response.lines + write_fields(fields) if fields else response.lines
        started = status_line(response.status) + lines + date
        head = started + b"content-length: %d\r\n\r\n" % len(body)
        return Framing(head, True, False, len(body), True)
    fields = [field for field in fields if field[0].lower() not in _OURS]
    length = _length(response, has_body)
    chunked = has_body and length is None and not old
    if chunked:
        fields.append((b"transfer-encoding", b"chunked"))
    elif length is not None and response.status != 204:
        fields.append((b"content-length", b"%d" % length))
    elif has_body:
        keep_alive = False  # the end of the connection is the end of the body
    if not keep_alive:
        fields.append((b"connection", b"close"))
    elif old:
        fields.append((b"connection", b"keep-alive"))
    lines = response.lines + write_fields(fields) + date
    head = b"%b%b\r\n" % (status_line(response.status), lines)
    return Framing(head, has_body, chunked, length if has_body else None, keep_alive)


def _length(response: Response, has_body: bool) -> int | None:
    """Without a body, the length is that of the answer to a GET."""
    body = response.body
    if isinstance(body, bytes) and (has_body or body):
        return len(body)
    for name, value in response.headers:
        if name.lower() == b"content-length":
            if not value.isdigit():
                raise InvalidRequest(f"header 'content-length': {value!r} is not a number")
            return int(value)
    return 0 if isinstance(body, bytes) and response.status != 304 else None
