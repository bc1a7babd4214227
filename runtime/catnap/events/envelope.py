"""Envelopes: events as JSON objects, with their attributes and data as members.

Source: CloudEvents JSON Event Format 1.0.2.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from typing import TypeVar

import msgspec

from catnap.errors import InvalidRequest, PayloadTooLarge
from catnap.events.attributes import check, check_name, check_text, event_of, refuse, shown
from catnap.events.event import CORE, Event
from catnap.events.header_text import check_size
from catnap.events.limits import MAX_ATTRIBUTES, MAX_BATCH_BYTES, MAX_BATCH_EVENTS
from catnap.events.media_types import charset, is_json

T = TypeVar("T")

_MAX_MEMBERS = MAX_ATTRIBUTES + 3  # specversion, data, data_base64
_PIECE = 64 * 1024
_NULL = b"null"
_BOOLEANS = {b"true": "true", b"false": "false"}
_INTEGER = re.compile(rb"-?[0-9]+")
_ENCODINGS = {"": "utf-8", "utf-8": "utf-8", "us-ascii": "ascii", "iso-8859-1": "latin-1"}


class _Name:
    """The name of a member, which is not yet known to be the only one of it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_elements = msgspec.json.Decoder(list[msgspec.Raw])
_string = msgspec.json.Decoder(str)
_any = msgspec.json.Decoder(msgspec.Raw)


def read(body: bytes) -> Event:
    """The event of an envelope. Raises InvalidRequest, which names the
    attribute or the limit."""
    return _event(body, "a structured CloudEvent must be one JSON object")


def read_batch(body: bytes) -> list[Event]:
    """The events of an array of envelopes. Raises InvalidRequest, which names
    the first one that is none by its index, and PayloadTooLarge."""
    if len(body) > MAX_BATCH_BYTES:
        raise PayloadTooLarge(
            f"a batch of {len(body):,} bytes: at most {MAX_BATCH_BYTES:,} are taken; "
            "send several, or large events alone"
        )
    elements = _parse(_elements, body, "a batch of CloudEvents must be one JSON array")
    if len(elements) > MAX_BATCH_EVENTS:
        raise PayloadTooLarge(
            f"a batch of {len(elements):,} CloudEvents: at most {MAX_BATCH_EVENTS:,} are taken; "
            "send several"
        )
    events = []
    for index, element in enumerate(elements):
        try:
            events.append(_event(bytes(element), "must be one JSON object"))
        except InvalidRequest as error:
            raise InvalidRequest(f"event {index} of the batch: {error.message}") from None
    return events


def write(event: Event) -> bytes:
    """Data that is JSON becomes a member as it is; all else is base64. Raises
    InvalidRequest, naming the attribute, for what is no event."""
    check(event)
    members: dict[str, object] = {"specversion": "1.0", **event.attributes()}
    if event.data is not None:
        if is_json(event.datacontenttype) and _embeds(event.data):
            members["data"] = msgspec.Raw(event.data)
        else:
            members["data_base64"] = base64.b64encode(event.data).decode()
    return msgspec.json.encode(members)


def _embeds(data: bytes) -> bool:
    """Whether it is the same when it is read as a member of the envelope:
    the white space around a member is not read."""
    try:
        return data == data.strip() and bool(_parse(_any, data, ""))
    except InvalidRequest:
        return False


def _parse(decoder: msgspec.json.Decoder[T], body: bytes, rule: str) -> T:
    try:
        if not body.isascii():
            _check_utf8(body)  # what is passed on unread must be that too
        return decoder.decode(body)
    except RecursionError:
        raise InvalidRequest(f"{rule}: it is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{rule}: {error}") from None


def _check_utf8(body: bytes) -> None:
    """In pieces: as a string the whole could take four times its room."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(0, len(body), _PIECE):
        decoder.decode(body[at : at + _PIECE])
    decoder.decode(b"", final=True)


def _event(body: bytes, rule: str) -> Event:
    raws = _members(body, rule)
    data, coded = raws.pop("data", None), raws.pop("data_base64", _NULL)
    values: dict[str, str] = {}
    for name, raw in raws.items():
        check_name(name)
        if raw != _NULL:
            values[name] = _value(name, raw)
    event = event_of(values, _content(data, coded, values))
    check_size(event)
    return event


def _members(body: bytes, rule: str) -> dict[str, bytes]:
    """The members of an object, as they stand there. Each name is looked at
    when it comes: once a dict holds them, the first of two is gone."""
    seen: set[str] = set()

    def name(_: object, text: str) -> _Name:
        if text in seen:
            refuse(text, "is there twice")
        if len(seen) == _MAX_MEMBERS:
            raise InvalidRequest(f"a CloudEvent has at most {MAX_ATTRIBUTES} attributes here")
        seen.add(text)
        return _Name(text)

    decoder = msgspec.json.Decoder(dict[_Name, msgspec.Raw], dec_hook=name)
    return {name.text: bytes(raw) for name, raw in _parse(decoder, body, rule).items()}


def _value(name: str, raw: bytes) -> str:
    """The canonical string form of a member's value."""
    if raw.startswith(b'"'):
        value = _string.decode(raw)
        check_text(name, value)
        return value
    if name in CORE:
        refuse(name, "must be a string")
    if raw in _BOOLEANS:
        return _BOOLEANS[raw]
    if not _INTEGER.fullmatch(raw):
        refuse(name, "must be a string, a boolean or an integer")
    if len(raw) > 11 or not -(2**31) <= int(raw) < 2**31:
        refuse(name, f"the integer {raw[:40].decode()} does not fit in 32 bits")
    return str(int(raw))


def _content(data: bytes | None, coded: bytes, values: dict[str, str]) -> bytes | None:
    """An event's data. A JSON null is data, of an event whose data is JSON."""
    if coded != _NULL:
        if data is not None:
            refuse("data_base64", "cannot stand beside 'data'")
        return _from_base64(coded)
    if data is None:
        return None
    # What no type is given for is JSON, and says so in any other form.
    content_type = values.setdefault("datacontenttype", "application/json")
    return data if is_json(content_type) else _from_text(data, content_type)


def _from_base64(raw: bytes) -> bytes:
    try:
        return base64.b64decode(_string.decode(raw), validate=True)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        refuse("data_base64", "is not base64")


def _from_text(raw: bytes, content_type: str) -> bytes:
    """A string's characters in the encoding that the content type names."""
    if not raw.startswith(b'"'):
        refuse("data", f"must be a string, or data_base64, where it is {shown(content_type)}")
    encoding = _ENCODINGS.get(charset(content_type))
    if encoding is None:
        refuse("data", f"a string cannot be made {shown(content_type)} here: send data_base64")
    try:
        return _string.decode(raw).encode(encoding)
    except UnicodeEncodeError:
        refuse("data", f"holds characters that {shown(content_type)} has not")
