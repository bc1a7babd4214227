"""What a skill gave back, as header fields and a body."""

from __future__ import annotations

from typing import Any

import msgspec

from catnap.errors import InvalidRequest
from catnap.events import Event, to_binary
from catnap.events.attributes import check, check_name

Fields = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
_BYTES = (b"content-type", b"application/octet-stream")
_RAW = (bytes, bytearray, memoryview)
_encode = msgspec.json.Encoder().encode


def encode(answer: Any) -> tuple[Fields, bytes]:
    """An Event as a CloudEvent in the binary mode, bytes as they are, and
    everything else as JSON. Raises ValueError for an Event that is none."""
    if isinstance(answer, Event):
        _check(answer)
        return to_binary(answer)
    if isinstance(answer, _RAW):
        return [_BYTES], bytes(answer)
    return [_JSON], _encode(answer)


def _check(event: Event) -> None:
    """The skill's author has made it: it may hold anything."""
    try:
        for name in ("id", "source", "type", "subject", "time", "dataschema", "datacontenttype"):
            value = getattr(event, name)
            if value is not None:
                check(name, value)
        for name, value in event.extensions.items():
            check_name(name)
            check(name, value)
    except InvalidRequest as error:
        raise ValueError(f"the event that it answered with: {error.message}") from None
