"""Bodies of requests that may have come compressed.

Source: RFC 9110, section 8.4.1; "deflate" is the zlib format.
"""

from __future__ import annotations

import asyncio
import zlib

from catnap.errors import InvalidRequest, PayloadTooLarge
from catnap.http import Request
from catnap.http.errors import UnsupportedMediaType

_FORMS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


async def read(request: Request, limit: int) -> bytes:
    """The body as it was before it was compressed. Raises PayloadTooLarge where
    it is more than limit bytes, packed or not, UnsupportedMediaType for a form
    that is not known, and InvalidRequest for what is not of the form it claims."""
    form = request.headers.get(b"content-encoding", b"identity").strip().lower()
    if form == b"identity":
        return await request.body.read(limit)
    if form not in _FORMS:
        raise UnsupportedMediaType(
            "content-encoding: send the request compressed by gzip or deflate, or as it is"
        )
    packed = await request.body.read(limit)
    # Others are not to wait while much is unpacked.
    return await asyncio.to_thread(_unpacked, packed, form, limit)


def _unpacked(packed: bytes, form: bytes, limit: int) -> bytes:
    """Never holds more than the limit: a few bytes may claim any size."""
    unpacking = zlib.decompressobj(_FORMS[form])
    try:
        body = unpacking.decompress(packed, limit + 1)
    except zlib.error as error:
        raise InvalidRequest(f"the body is not {form.decode()}: {error}") from None
    if len(body) > limit:
        raise PayloadTooLarge(f"the body is more than {limit:,} bytes when it is unpacked")
    if not unpacking.eof or unpacking.unused_data:
        raise InvalidRequest(f"the body is not one whole {form.decode()} stream")
    return body
