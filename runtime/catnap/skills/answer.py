"""What a skill gave back, as header fields and a body."""

from __future__ import annotations

from typing import Any

import msgspec

from catnap.errors import InvalidRequest
from catnap.events import Event, to_binary

Fields = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
_BYTES = (b"content-type", b"application/octet-stream")
_RAW = (bytes, bytearray, memoryview)
_encode = msgspec.json.Encoder().encode


def encode(answer: Any) -> tuple[Fields, bytes]:
    """An Event as a CloudEvent in the binary mode, bytes as they are, and
    everything else as JSON. Raises ValueError for an Event that is none."""
    if isinstance(answer, Event):
        try:
            return to_binary(answer)
        except InvalidRequest as error:  # the skill's author has made it
            raise ValueError(f"the event that it answered with: {error.message}") from None
    if isinstance(answer, _RAW):
        return [_BYTES], bytes(answer)
    return [_JSON], _encode(answer)
