"""Reads an index over HTTP. Blocking: for threads."""

from __future__ import annotations

import hashlib
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from ssl import SSLError
from typing import Any, BinaryIO
from urllib.error import URLError
from urllib.parse import urljoin, urlsplit

from catnap.errors import NotFound, Unavailable
from catnap.packages.address import Index
from catnap.packages.bounds import Bounds

REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)
_BLOCK = 1 << 18
_PAGES = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"


@dataclass(frozen=True)
class Document:
    """url: that it came from at last, which its links are relative to."""

    url: str
    kind: str
    etag: str
    content: bytes


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """Any answer is one: no redirect is followed before it was looked at."""

    def http_response(self, request: Any, response: Any) -> Any:
        return response

    https_response = http_response


class Upstream:
    """The index, and the places that it names."""

    def __init__(self, index: Index, bounds: Bounds) -> None:
        self._index = index
        self._bounds = bounds

    def page(self, name: str, etag: str = "") -> Document | None:
        """Of a normalized name; None where it still has that ETag. Raises
        NotFound where the index has no such package, and Unavailable."""
        headers = {"Accept": _PAGES} | ({"If-None-Match": etag} if etag else {})
        try:
            with self._open(self._index.page(name), headers, "pages") as (url, reply, about):
                if about is None:
                    return None
                content = b"".join(self._read(reply, self._bounds.page))
        except NotFound:
            raise NotFound(f"the index has no package {name!r}") from None
        kind = about.get_content_type()
        return Document(url, kind, about.get("ETag", ""), content)

    def metadata(self, url: str, sha256: str) -> bytes:
        """A wheel's metadata, beside it. Raises NotFound and Unavailable."""
        with self._open(f"{url}.metadata", {}, "metadata") as (_, reply, _about):
            content = b"".join(self._read(reply, self._bounds.metadata))
        self._compare(hashlib.sha256(content).hexdigest(), sha256, f"{url}.metadata")
        return content

    def wheel(self, url: str, sha256: str, into: BinaryIO) -> None:
        """Raises NotFound, Unavailable, also where it is another one than the
        index has promised, and OSError for the disk."""
        digest = hashlib.sha256()
        with self._open(url, {}, "wheels") as (_, reply, _about):
            for block in self._read(reply, self._bounds.wheel):
                digest.update(block)
                into.write(block)
        self._compare(digest.hexdigest(), sha256, url)

    @contextmanager
    def _open(
        self, url: str, headers: dict[str, str], what: str
    ) -> Iterator[tuple[str, Any, HTTPMessage | None]]:
        """Where it was found, the answer, and the headers of that: none where it
        is not modified. Follows redirects, each to where the index permits."""
        try:
            for _ in range(REDIRECTS + 1):
                if not self._index.permits(url):
                    raise Unavailable(f"the index leads to {_shown(url)}: {what} come by https://")
                with self._request(url, headers) as reply:
                    if reply.status in _MOVED and "Location" in reply.headers:
                        url = urljoin(url, reply.headers["Location"])
                        continue
                    if reply.status in (404, 410):
                        raise NotFound(f"the index has no {_shown(url)}")
                    if reply.status not in (200, 304):
                        raise Unavailable(f"{_shown(url)} answers {reply.status}")
                    yield url, reply, None if reply.status == 304 else reply.headers
                    return
            raise Unavailable(f"{_shown(url)}: more than {REDIRECTS} redirects")
        except (URLError, HTTPException, TimeoutError, ConnectionError, SSLError) as error:
            reason = getattr(error, "reason", "") or error
            raise Unavailable(f"{_shown(url)} does not answer: {reason}") from None
        except ValueError:
            raise Unavailable(f"{_shown(url)} leads to what is no address") from None

    def _request(self, url: str, headers: dict[str, str]) -> Any:
        if self._index.authorization and self._index.has(url):
            headers = {**headers, "Authorization": self._index.authorization}
        handlers: list[Any] = [_AsItIs]
        if url.startswith("http:"):
            # It is this machine's: no proxy stands between, whatever the
            # environment says.
            handlers.append(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 (it is permitted)
        return urllib.request.build_opener(*handlers).open(request, timeout=self._bounds.silence)

    def _read(self, reply: Any, limit: int) -> Iterator[bytes]:
        last, size = time.monotonic() + self._bounds.whole, 0
        while block := reply.read1(_BLOCK):
            size += len(block)
            if size > limit:
                raise Unavailable(f"{_shown(reply.url)} has more than {limit:,} bytes")
            if time.monotonic() > last:
                raise Unavailable(f"{_shown(reply.url)} takes longer than {self._bounds.whole:g} s")
            yield block
        if reply.length:
            raise Unavailable(f"{_shown(reply.url)} broke off with {reply.length:,} bytes to come")

    def _compare(self, found: str, promised: str, url: str) -> None:
        if found != promised:
            raise Unavailable(
                f"{_shown(url)} is not what the index has promised: sha256 {found[:16]}..., "
                f"not {promised[:16]}..."
            )


def _shown(url: str) -> str:
    """Without what may be a credential."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "what is no address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]
