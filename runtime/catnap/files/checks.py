"""Content that has to be what was said of it before it came."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import AsyncIterable, AsyncIterator

from catnap.errors import InvalidRequest, PayloadTooLarge

_DIGEST = re.compile(r"(sha-256|sha-512)=:([A-Za-z0-9+/=]*):\Z", re.ASCII)
_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


def with_digest(body: AsyncIterable[bytes], digest: str) -> AsyncIterator[bytes]:
    """The same bytes; where they are not those of the digest, InvalidRequest
    takes the place of their end. digest: a `Content-Digest` field (RFC 9530), of
    which the hashes that are known count. Raises InvalidRequest where none is.
    """
    wanted = {}
    for each in digest.split(","):
        if found := _DIGEST.match(each.strip()):
            try:
                wanted[found[1]] = base64.b64decode(found[2], validate=True)
            except binascii.Error:
                raise InvalidRequest(f"Content-Digest {each[:120]!a}: no base64") from None
    if not wanted:
        raise InvalidRequest(
            f"Content-Digest {digest[:80]!a}: give sha-256=:<base64>: or sha-512=:<base64>:"
        )
    return _checked(body, wanted)


async def with_size(body: AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    """The same bytes, if they are so many. Raises PayloadTooLarge with the first
    one that is too many, and InvalidRequest at the end where some are missing."""
    left = size
    async for chunk in body:
        left -= len(chunk)
        if left < 0:
            raise PayloadTooLarge(f"more content came than the {size:,} bytes that may")
        yield chunk
    if left:
        raise InvalidRequest(f"{size - left:,} bytes of content came, it has to be {size:,}")


async def _checked(body: AsyncIterable[bytes], wanted: dict[str, bytes]) -> AsyncIterator[bytes]:
    hashes = {name: _HASHES[name]() for name in wanted}
    async for chunk in body:
        for each in hashes.values():
            each.update(chunk)
        yield chunk
    for name, each in hashes.items():
        if not hmac.compare_digest(each.digest(), wanted[name]):
            raise InvalidRequest(f"the content is not what its {name} digest says: send it again")
