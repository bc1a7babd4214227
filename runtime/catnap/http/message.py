"""Requests and responses as the handlers see them."""

from __future__ import annotations

from collections.abc import AsyncIterable
from http import HTTPStatus

import msgspec

from catnap.errors import CONTENT_TYPE as PROBLEM
from catnap.errors import CatnapError, InvalidRequest, to_problem
from catnap.http.body import MAX_BODY, Body, too_large
from catnap.http.errors import ProtocolError
from catnap.http.fields import read_fields

__all__ = ["MAX_BODY", "Body", "Request", "Response", "status_line", "too_large"]


class Request(msgspec.Struct, eq=False):
    """One request.

    Header names are lower-case; of a repeated header the values are joined by
    `, `, as RFC 9110 5.3 allows. `target` is path and query. `client` is the
    address at the other end of the connection, empty for a Unix socket's.
    keep_alive: its client would send another one on the connection. old: it
    speaks HTTP/1.0. certificate: the client's, as DER, which the server's CA
    vouches for; empty for none.
    """

    method: str
    target: str
    headers: dict[bytes, bytes]
    body: Body = msgspec.field(default_factory=Body)
    client: str = ""
    keep_alive: bool = True
    old: bool = False
    certificate: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def text(self, name: bytes) -> str | None:
        """A header as text; None if absent. Raises InvalidRequest if it is
        not UTF-8."""
        value = self.headers.get(name)
        if value is None:
            return None
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise InvalidRequest(f"header {name.decode('latin-1')!r}: not valid UTF-8") from None


class Response(msgspec.Struct):
    """One response.

    Header names are lower-case. A body that is an iterator is sent as it
    comes: chunked, or as it is where a `content-length` is given. It is
    closed (`aclose`) when it has ended, or its client has gone. idle: what to
    send between two parts that are long in coming, and means nothing. lines:
    more header fields, already as they are sent (see `write_fields`); none of
    them frames the message or dates it.
    """

    status: int = 200
    headers: list[tuple[bytes, bytes]] = []
    body: bytes | AsyncIterable[bytes] = b""
    idle: bytes = b""
    lines: bytes = b""

    def fields(self) -> list[tuple[bytes, bytes]]:
        """All header fields."""
        return [*self.headers, *read_fields(self.lines)]

    @classmethod
    def json(cls, body: bytes, status: int = 200) -> Response:
        return cls(status, [(b"content-type", b"application/json")], body)

    @classmethod
    def text(cls, body: str, status: int = 200) -> Response:
        return cls(status, [(b"content-type", b"text/plain; charset=utf-8")], body.encode())

    @classmethod
    def error(cls, error: CatnapError, status: int | None = None) -> Response:
        """The problem document of an error (RFC 9457)."""
        headers = [(b"content-type", PROBLEM.encode())]
        if error.retry_after is not None:
            headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after))))
        if isinstance(error, ProtocolError):
            headers.extend(error.headers)
        status = status or error.http
        return cls(status, headers, to_problem(error, status))


def status_line(status: int) -> bytes:
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


_STATUS_LINES = {
    **{s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus},
    499: b"HTTP/1.1 499 Client Closed Request\r\n",
}
