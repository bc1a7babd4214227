"""What a skill gave back, as header lines and a body."""

from __future__ import annotations

from typing import Any

import msgspec

from catnap.errors import InvalidRequest
from catnap.events import Event
from catnap.events.encode import to_lines

JSON = b"content-type: application/json\r\n"
_BYTES = b"content-type: application/octet-stream\r\n"
_RAW = (bytes, bytearray, memoryview)
_encode = msgspec.json.Encoder().encode


def encode(answer: Any) -> tuple[bytes, bytes]:
    """An Event as a CloudEvent in the binary mode, bytes as they are, and
    everything else as JSON. Raises ValueError for an Event that is none."""
    if isinstance(answer, Event):
        try:
            return to_lines(answer)
        except InvalidRequest as error:  # the skill's author has made it
            raise ValueError(f"the event that it answered with: {error.message}") from None
    if isinstance(answer, _RAW):
        return _BYTES, bytes(answer)
    return JSON, _encode(answer)
