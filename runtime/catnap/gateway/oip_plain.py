"""A message of protobuf as plain values, as Triton's HTTP writes its own: names
as in the proto, numbers as numbers, enums by name. Pure.

protobuf's own JSON writes 64-bit integers as strings, which clients of that HTTP
do not read.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from google.protobuf.message import Message


def plain(message: Message) -> dict[str, Any]:
    """All fields, but those that tell whether they are set, and are not."""
    return {
        field.name: _value(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def _value(field: Any, value: Any) -> Any:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        of = entry.fields_by_name["value"]
        return {str(key): _single(of, each) for key, each in value.items()}
    if field.is_repeated:
        return [_single(field, each) for each in value]
    return _single(field, value)


def _single(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return plain(value)
    if field.enum_type is not None:
        found = field.enum_type.values_by_number.get(value)
        return found.name if found else value
    return b64encode(value).decode() if isinstance(value, bytes) else value
