"""HTTP messages into events: the binary and the structured JSON mode.

Source: CloudEvents HTTP Protocol Binding 1.0.2, JSON Event Format 1.0.2.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import NoReturn

import msgspec

from catnap.errors import InvalidRequest
from catnap.events import attributes
from catnap.events.event import OPTIONAL, REQUIRED, Event

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
_MEDIA_TYPES = b"application/cloudevents"
_CLAIMS = frozenset((b"ce-specversion", b"ce-id", b"ce-source", b"ce-type"))
_PREFIX = b"ce-"
_NULL = b"null"
_STRINGS = frozenset(("specversion", *REQUIRED, *OPTIONAL))


def is_event(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request claims to be a CloudEvent, in either mode.

    Any required attribute is a claim, so that an event that lacks another is
    refused and not taken for something else.
    """
    return not _CLAIMS.isdisjoint(headers) or headers.get(b"content-type", b"").lower().startswith(
        _MEDIA_TYPES
    )


def is_json(content_type: str | None) -> bool:
    """Whether a media type is JSON: `application/json`, `text/json`, `...+json`."""
    return (content_type or "").partition(";")[0].strip().lower().endswith(("/json", "+json"))


def decode(headers: Mapping[bytes, bytes], body: bytes) -> Event:
    """One event from a request or response.

    headers: by lower-case name. Raises InvalidRequest, which names the
    attribute that breaks a rule.
    """
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == STRUCTURED:
        charset = content_type.lower().partition("charset=")[2].partition(";")[0].strip(' "')
        if charset not in ("", "utf-8", "utf8"):
            raise InvalidRequest(f"a structured CloudEvent in {charset!r} is not read: use UTF-8")
        return _structured(body)
    if media_type == BATCHED:
        raise InvalidRequest("a batch of CloudEvents is not taken here: send one event a request")
    if media_type.startswith("application/cloudevents"):
        raise InvalidRequest(f"CloudEvents in {media_type!r} are not read: use {STRUCTURED}")
    return _binary(headers, content_type or None, body)


def _binary(headers: Mapping[bytes, bytes], content_type: str | None, body: bytes) -> Event:
    found: dict[str, str] = {}
    for name, value in headers.items():
        if name.startswith(_PREFIX):
            attribute = name[3:].decode("latin-1")
            if attribute == "datacontenttype":
                raise InvalidRequest("header 'ce-datacontenttype': Content-Type says what data is")
            found[attribute] = _unquote(attribute, value)
    if content_type:
        found["datacontenttype"] = content_type
    return _event(found.items(), body or None)


def _unquote(attribute: str, raw: bytes) -> str:
    """Header text to attribute value: percent-decoded UTF-8, quotes removed."""
    raw = raw.strip(b" \t")
    if len(raw) >= 2 and raw[:1] == raw[-1:] == b'"':
        raw = _unescape(raw[1:-1])
    if b"%" in raw:
        # urllib keeps a lone % as it is; the binding demands two hex digits.
        head, *parts = raw.split(b"%")
        try:
            raw = head + b"".join(bytes((int(p[:2].decode(), 16),)) + p[2:] for p in _pairs(parts))
        except ValueError:
            raise InvalidRequest(
                f"CloudEvent attribute {attribute!r}: '%' needs two hexadecimal digits after it"
            ) from None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"CloudEvent attribute {attribute!r}: not valid UTF-8") from None


def _pairs(parts: list[bytes]) -> Iterable[bytes]:
    for part in parts:
        if len(part) < 2 or not part[:2].isalnum():
            raise ValueError
        yield part


def _unescape(raw: bytes) -> bytes:
    out = bytearray()
    escaped = False
    for byte in raw:
        if byte == 0x5C and not escaped:
            escaped = True
            continue
        out.append(byte)
        escaped = False
    return bytes(out)


class _Name:
    """A member's name that equals no other, so that a dict keeps them all and
    a repeated one is seen."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_members = msgspec.json.Decoder(dict[_Name, msgspec.Raw], dec_hook=lambda _, text: _Name(text))
_scalar = msgspec.json.Decoder(str | bool | int | None)
_text = msgspec.json.Decoder(str)


def _structured(body: bytes) -> Event:
    try:
        body.decode()  # what is passed on unread must be UTF-8 too
        members = {name.text: bytes(raw) for name, raw in _read(body)}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"a structured CloudEvent must be one JSON object: {error}") from None
    found: dict[str, str] = {}
    data, base64_text = members.pop("data", _NULL), members.pop("data_base64", _NULL)
    for name, raw in members.items():
        value = _attribute(name, raw)
        if value is not None:
            found[name] = value
    if data != _NULL and base64_text != _NULL:
        _refuse("data_base64", "cannot stand beside 'data'")
    if base64_text != _NULL:
        return _event(found.items(), _from_base64(base64_text))
    if data == _NULL:
        return _event(found.items(), None)
    # What no type is given for is JSON, and says so in any other form.
    content_type = found.setdefault("datacontenttype", "application/json")
    return _event(found.items(), data if is_json(content_type) else _from_text(data))


def _read(body: bytes) -> Iterable[tuple[_Name, msgspec.Raw]]:
    seen: set[str] = set()
    for name, raw in _members.decode(body).items():
        if name.text in seen:
            _refuse(name.text, "is there twice")
        seen.add(name.text)
        yield name, raw


def _attribute(name: str, raw: bytes) -> str | None:
    """The canonical string form of a member's value; None where it is null."""
    try:
        value = _scalar.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _refuse(name, "must be a string, a boolean or an integer")
    if value is None or isinstance(value, str):
        return value
    if name in _STRINGS:
        _refuse(name, "must be a string")
    if isinstance(value, bool):
        return "true" if value else "false"
    if not -(2**31) <= value < 2**31:
        _refuse(name, f"the integer {value} does not fit in 32 bits")
    return str(value)


def _from_base64(raw: bytes) -> bytes:
    try:
        return base64.b64decode(_text.decode(raw), validate=True)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        _refuse("data_base64", "is not base64")


def _from_text(raw: bytes) -> bytes:
    """A string's own characters; any other JSON value, which the format
    allows whatever the content type, as it is."""
    return _text.decode(raw).encode() if raw.startswith(b'"') else raw


def _event(found: Iterable[tuple[str, str]], data: bytes | None) -> Event:
    values = dict(found)
    if len(values) > attributes.MAX_ATTRIBUTES:
        raise InvalidRequest(
            f"a CloudEvent has at most {attributes.MAX_ATTRIBUTES} attributes here"
        )
    version = values.pop("specversion", None)
    if version != "1.0":
        _refuse("specversion", f"must be '1.0', is {version!r}" if version else "is missing")
    for name in REQUIRED:
        if name not in values:
            _refuse(name, "is missing")
    for name, value in values.items():
        attributes.check_name(name)
        attributes.check(name, value)
    core = {name: values.pop(name) for name in (*REQUIRED, *OPTIONAL) if name in values}
    return Event(**core, extensions=values, data=data)


def _refuse(name: str, why: str) -> NoReturn:
    raise InvalidRequest(f"CloudEvent attribute {name!r}: {why}")
