"""Bytes of a connection into requests, by httptools and the rules it leaves."""

from __future__ import annotations

from collections.abc import Callable

import httptools

from catnap.errors import CatnapError, InvalidRequest
from catnap.http.body import Body
from catnap.http.errors import ExpectationFailed, HeadersTooLarge, TargetTooLong
from catnap.http.fields import NAMES, joined, write_fields
from catnap.http.limits import Limits
from catnap.http.message import Request
from catnap.http.request_target import check_host, origin_form

_NOT_REPEATED = frozenset((b"connection", b"upgrade", b"http2-settings"))
_LONGEST_NUMBER = 20  # digits, as 2**64 has


class RequestParser:
    """Fed with what arrives; calls back with each request once its head is
    there, its body still to come.

    on_drain, on_wait: for the bodies, see Body; on_wait is called only where
    the client waits to be asked for the body.

    The callbacks of httptools, one for each field of a head, are all the work
    that most requests cost here: they only keep what they are given, and
    `on_headers_complete` looks at it.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float],
        *,
        on_request: Callable[[Request], None],
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
        self._url = b""
        self._host: bytes | None = None
        """The last one that was checked: a connection has seldom another."""
        self._line = b"\0"
        """The last first line that was checked, if it can be known again: most
        requests have the same. Then its method and its target."""
        self._method = self._target = ""
        self._head = b""
        """The piece that the next head is at the beginning of, if one is."""
        self._fed = 0
        """Bytes of the piece being parsed."""
        self._quiet = 0
        """Bytes of whole pieces since a message began or had data."""

    def feed(self, data: bytes) -> None:
        """Raises the error that says what is wrong with it. Nothing can be
        fed after that."""
        self._head = data if self.began is None and self.body is None else b""
        while True:
            self._fed = len(data)
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                rest = data[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                if isinstance(error.__context__, CatnapError):
                    raise error.__context__ from None
                if isinstance(error, httptools.HttpParserCallbackError):
                    raise  # a fault of ours, not the client's
                raise InvalidRequest(f"not HTTP/1.1: {error}") from None
            # We stay with HTTP/1.1, as RFC 9110 7.8 allows, but the parser has
            # left out the body: it gets the head again, without the wish.
            data = self._head_without_upgrade() + rest
            self._parser = httptools.HttpRequestParser(self)
        self._quiet += self._fed
        if self._quiet > self._limits.header_bytes:
            # A head, a chunk's extensions or trailers that do not end, of
            # which httptools would keep what it has no callback for.
            raise self._too_large()

    def _head_without_upgrade(self) -> bytes:
        fields = [(n, v) for n, v in self._headers.items() if n not in _NOT_REPEATED]
        if b"close" in self._headers.get(b"connection", b"").lower():
            fields.append((b"connection", b"close"))
        method, version = self._parser.get_method(), self._parser.get_http_version().encode()
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self._url, version, write_fields(fields))

    def on_message_begin(self) -> None:
        self.began = self._clock()
        self._quiet = -self._fed
        self._url = b""
        self._fields: dict[bytes, bytes] = {}
        self._repeated: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = NAMES[name]
        value = value.rstrip()  # httptools leaves the white space after it
        if name in self._fields:
            self._repeated.append((name, value))
        else:
            self._fields[name] = value

    def on_headers_complete(self) -> None:
        headers, self._fields = self._fields, {}  # what comes now are trailers
        if self._quiet + self._fed or self._fed > self._limits.header_bytes:
            # Not the common one, which came in one piece with all its fields.
            self._measure(headers)
        if len(headers) + len(self._repeated) > self._limits.header_count:
            raise HeadersTooLarge(f"more than {self._limits.header_count} headers")
        if self._repeated:
            headers = joined([*headers.items(), *self._repeated], strict=True)
        self._headers = headers
        head, self._head = self._head, b""
        known = head.startswith(self._line)
        old = not known and self._is_old()
        self._upgrade = self._parser.should_upgrade()
        if self._upgrade:
            return
        host = headers.get(b"host")
        if host is None and not old:
            raise InvalidRequest("header 'host': is missing")
        if host is not None and host != self._host:
            check_host(host)
            self._host = host
        coding = headers.get(b"transfer-encoding")
        if coding is not None and (old or coding.lower() != b"chunked"):
            raise InvalidRequest("header 'transfer-encoding': only chunked, in HTTP/1.1, is read")
        expect = headers.get(b"expect")
        if expect is not None and expect.lower() != b"100-continue":
            raise ExpectationFailed("header 'expect': only 100-continue can be met")
        on_wait = self._on_wait if expect is not None and not old else None
        length = headers.get(b"content-length")
        if length is not None and len(length) > _LONGEST_NUMBER:
            raise InvalidRequest("header 'content-length': too many digits")
        if not known:
            self._read_line(head, headers)
        body = Body(self._on_drain, on_wait, None if length is None else int(length))
        self.body, self.began = body, None
        self._on_request(
            Request(
                self._method,
                self._target,
                headers,
                body,
                keep_alive=self._parser.should_keep_alive(),
                old=old,
            )
        )

    def _is_old(self) -> bool:
        """Whether it is HTTP/1.0."""
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise InvalidRequest(f"HTTP/{version}: only HTTP/1.1 and 1.0 are spoken here")
        if self._parser.get_method() == b"CONNECT":
            raise InvalidRequest("CONNECT: this is no proxy")
        return version == "1.0"

    def _read_line(self, head: bytes, headers: dict[bytes, bytes]) -> None:
        method, url = self._parser.get_method(), self._url
        self._method, self._target = method.decode(), origin_form(method, url, headers)
        line = b"%b %b HTTP/1.1\r\n" % (method, url)
        # A URL has a host, which has to get into the headers each time.
        self._line = line if url[:1] == b"/" and head.startswith(line) else b"\0"

    def _measure(self, headers: dict[bytes, bytes]) -> None:
        fields = [*headers.items(), *self._repeated]
        size = len(self._url) + sum(len(name) + len(value) for name, value in fields)
        if size > self._limits.header_bytes:
            raise self._too_large()

    def _too_large(self) -> CatnapError:
        """Names the larger part."""
        limit = self._limits.header_bytes
        if self.body is None and len(self._url) > limit // 2:
            return TargetTooLong(f"the target makes the head longer than {limit:,} bytes")
        return HeadersTooLarge(f"a head of more than {limit:,} bytes")

    def on_body(self, chunk: bytes) -> None:
        self._quiet = -self._fed
        if self.body:
            self.body.feed(chunk)

    def on_message_complete(self) -> None:
        if self.body and not self._upgrade:
            self.body.finish()
            self.body = None
