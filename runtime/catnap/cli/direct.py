"""A file's content by links, straight to where the files are kept."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from urllib.parse import urlsplit

from catnap.errors import Unavailable, from_problem
from catnap.skills.files import Part, Shared

PART = 64 * 1024 * 1024
"""Bytes of a part; of a larger file several are sent at once."""
AT_ONCE = 4
_BLOCK = 1024 * 1024
Advance = Callable[[int], object]


def send(
    shared: Shared,
    path: Path,
    url: str,
    advance: Advance = lambda count: None,
    tls: ssl.SSLContext | None = None,
) -> bytes:
    """Sends a file by a link that was made for its size; what is answered to the
    last part. url: the link's, with a host, where it has no parts. advance: told
    of bytes as they are sent. tls: whom to trust at an https:// link; None for
    the system's authorities.

    Raises what is answered, and Unavailable where nobody answers.
    """
    parts = shared.parts or (Part(url, path.stat().st_size),)
    ends = accumulate(part.size for part in parts)

    def one(part: Part, end: int) -> bytes:
        headers = shared.headers | {"Content-Length": str(part.size)}
        return _put(part.url, headers, _blocks(path, end - part.size, part.size, advance), tls)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        *_, last = threads.map(one, parts, ends)
    return last


def _blocks(path: Path, start: int, size: int, advance: Advance) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while size and (block := file.read(min(size, _BLOCK))):
            yield block
            size -= len(block)
            advance(len(block))


def _put(
    url: str, headers: dict[str, str], body: Iterator[bytes], tls: ssl.SSLContext | None
) -> bytes:
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, context=tls)
    else:
        connection = http.client.HTTPConnection(parts.netloc)
    try:
        connection.request("PUT", f"{parts.path}?{parts.query}", body, headers)
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{parts.netloc}: cannot be sent to: {error}") from None
    finally:
        connection.close()
    if answer.status >= 400:
        raise from_problem(answer.status, said)
    return said
