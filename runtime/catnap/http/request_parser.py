"""Bytes of a connection into requests, by httptools and the rules it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httptools

from catnap.errors import CatnapError, InvalidRequest
from catnap.http.body import Body
from catnap.http.errors import ExpectationFailed, HeadersTooLarge
from catnap.http.fields import is_single, write_fields
from catnap.http.limits import Limits
from catnap.http.message import Request

_NOT_REPEATED = frozenset((b"connection", b"upgrade", b"http2-settings"))


@dataclass(frozen=True, slots=True)
class Turn:
    """A request, and what its client expects of the connection.

    keep_alive: it stays. old: the client speaks HTTP/1.0.
    """

    request: Request
    keep_alive: bool
    old: bool


class RequestParser:
    """Fed with what arrives; calls back with each request once its head is
    there, its body still to come.

    on_drain, on_wait: for the bodies, see Body; on_wait is called only where
    the client waits to be asked for the body.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float],
        *,
        on_request: Callable[[Turn], None],
        on_drain: Callable[[], None],
        on_wait: Callable[[], None],
    ) -> None:
        self.began: float | None = None
        """When the head at work began by the clock; None between requests."""
        self.body: Body | None = None
        """Of the request that is arriving, once its head has."""
        self._limits, self._clock = limits, clock
        self._on_request, self._on_drain, self._on_wait = on_request, on_drain, on_wait
        self._parser = httptools.HttpRequestParser(self)
        self._upgrade = False
        self._silent = 0

    def feed(self, data: bytes) -> None:
        """Raises the error that says what is wrong with it. Nothing can be
        fed after that."""
        self._silent += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, CatnapError):
                raise error.__context__ from None
            raise InvalidRequest(f"not HTTP/1.1: {error}") from None
        if self._silent > self._limits.header_bytes:
            # httptools keeps a header to itself until it has the whole of it.
            raise HeadersTooLarge(f"a line of more than {self._limits.header_bytes:,} bytes")

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # We stay with HTTP/1.1, as RFC 9110 7.8 allows, but the parser
            # has left out the body: it gets the head again, without the wish.
            head = self._head_without_upgrade()
            self._parser = httptools.HttpRequestParser(self)
            self._parse(head + data[upgrade.args[0] :])

    def _head_without_upgrade(self) -> bytes:
        fields = [(n, v) for n, v in self._headers.items() if n not in _NOT_REPEATED]
        if b"close" in self._headers.get(b"connection", b"").lower():
            fields.append((b"connection", b"close"))
        method, version = self._parser.get_method(), self._parser.get_http_version().encode()
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self._url, version, write_fields(fields))

    def on_message_begin(self) -> None:
        self._silent = 0
        self.began = self._clock()
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._header_count = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_bytes(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._silent = 0
        self._header_count += 1
        self._count_bytes(len(name) + len(value))
        if self._header_count > self._limits.header_count:
            raise HeadersTooLarge(f"more than {self._limits.header_count} headers")
        if self.body:
            return  # a trailer: nobody here asks for one
        name = name.lower()
        known = self._headers.get(name)
        if known is None:
            self._headers[name] = value
        elif is_single(name):
            raise InvalidRequest(f"header {name.decode('latin-1')!r}: is there twice")
        else:
            self._headers[name] = known + b", " + value

    def _count_bytes(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > self._limits.header_bytes:
            raise HeadersTooLarge(f"more than {self._limits.header_bytes:,} bytes of headers")

    def on_headers_complete(self) -> None:
        headers, method = self._headers, self._parser.get_method()
        old = self._parser.get_http_version() == "1.0"
        if method == b"CONNECT":
            raise InvalidRequest("CONNECT: this is no proxy")
        self._upgrade = self._parser.should_upgrade()
        if self._upgrade:
            return
        if b"host" not in headers and not old:
            raise InvalidRequest("header 'host': is missing")
        coding = headers.get(b"transfer-encoding")
        if coding is not None and (old or coding.lower() != b"chunked"):
            raise InvalidRequest("header 'transfer-encoding': only chunked, in HTTP/1.1, is read")
        expect = headers.get(b"expect", b"").lower()
        if expect not in (b"", b"100-continue"):
            raise ExpectationFailed("header 'expect': only 100-continue can be met")
        body = Body(self._on_drain, self._on_wait if expect and not old else None)
        length = headers.get(b"content-length")
        body.length = int(length) if length is not None else None
        self.body, self.began = body, None
        request = Request(method.decode(), _origin_form(self._url), headers, body)
        self._on_request(Turn(request, self._parser.should_keep_alive(), old))

    def on_body(self, chunk: bytes) -> None:
        self._silent = 0
        if self.body:
            self.body.feed(chunk)

    def on_message_complete(self) -> None:
        if self.body and not self._upgrade:
            self.body.finish()
            self.body = None


def _origin_form(target: bytes) -> str:
    """Path and query of a target, which a client may have given as a URL."""
    text = target.decode("latin-1")
    if text.startswith(("http://", "https://")):
        _, slash, rest = text.partition("://")[2].partition("/")
        return slash + rest or "/"
    return text
