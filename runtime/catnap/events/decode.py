"""HTTP messages into events: the binary, the structured and the batched mode.

Source: CloudEvents HTTP Protocol Binding 1.0.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import repeat

from catnap.errors import InvalidRequest
from catnap.events import envelope, header_text
from catnap.events.attributes import check_core, check_name, check_version, refuse
from catnap.events.event import REQUIRED, Event
from catnap.events.media_types import BATCHED, STRUCTURED, charset, essence

_CONTENT_TYPE = b"content-type"
_EVENTS = b"application/cloudevents"
_BATCHES = b"application/cloudevents-batch"
_EMPTY = repeat(b"")
_CORE = ("specversion", *REQUIRED, "subject", "time", "dataschema")
_CLAIMS = frozenset((b"ce-specversion", b"ce-id", b"ce-source", b"ce-type"))


def is_event(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a message claims to be a CloudEvent, or several, in any mode.

    Any required attribute is a claim, so that an event that lacks another is
    refused and not taken for something else.
    """
    return not _CLAIMS.isdisjoint(headers) or _is(headers, _EVENTS)


def is_batch(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a message claims to be a batch of CloudEvents."""
    return _is(headers, _BATCHES)


def decode(headers: Mapping[bytes, bytes], body: bytes) -> Event:
    """The event of a request or response, in the binary or structured mode.

    headers: by lower-case name. Raises InvalidRequest, which names the
    attribute that breaks a rule.
    """
    if not _is(headers, _EVENTS):
        return _binary(headers, body)
    if _is(headers, _BATCHES):
        raise InvalidRequest("a batch of CloudEvents is not taken here: send one event a request")
    _check_format(headers, STRUCTURED)
    return envelope.read(body)


def decode_batch(headers: Mapping[bytes, bytes], body: bytes) -> list[Event]:
    """The events of a request or response in the batched mode; maybe none.

    headers: by lower-case name. Raises InvalidRequest, which names the event
    by its index and the attribute that breaks a rule, and PayloadTooLarge.
    """
    _check_format(headers, BATCHED)
    return envelope.read_batch(body)


def _is(headers: Mapping[bytes, bytes], prefix: bytes) -> bool:
    """The binding tells the modes apart by how the content type begins."""
    content_type = headers.get(_CONTENT_TYPE)
    return content_type is not None and content_type[: len(prefix)].lower() == prefix


def _check_format(headers: Mapping[bytes, bytes], expected: str) -> None:
    content_type = _text(headers.get(_CONTENT_TYPE, b""))
    if essence(content_type) != expected:
        raise InvalidRequest(f"CloudEvents as {content_type[:80]!r} are not read: use {expected}")
    encoding = charset(content_type)
    if encoding not in ("", "utf-8"):
        raise InvalidRequest(f"CloudEvents in charset {encoding!r} are not read: use UTF-8")


def _binary(headers: Mapping[bytes, bytes], body: bytes) -> Event:
    names, fields = _attributes(tuple(headers))
    texts = tuple(map(headers.get, fields, _EMPTY))
    version, id, source, type, subject, time, schema, *more = header_text.read(names, texts)  # noqa: A001
    check_version(version)
    content_type = headers.get(_CONTENT_TYPE)
    event = Event(
        id=id,
        source=source,
        type=type,
        subject=subject if b"ce-subject" in headers else None,
        time=time if b"ce-time" in headers else None,
        datacontenttype=_text(content_type) if content_type else None,
        dataschema=schema if b"ce-dataschema" in headers else None,
        extensions=dict(zip(names[len(_CORE) :], more, strict=True)) if more else {},
        data=body or None,  # a body cannot say that there is no data: empty, it is none
    )
    check_core(event)
    return event


def _text(content_type: bytes) -> str:
    """A tab is white space in HTTP, and not allowed in an attribute."""
    return content_type.decode("latin-1").replace("\t", " ")


@lru_cache(maxsize=64)  # a client sends the same headers with every request
def _attributes(headers: tuple[bytes, ...]) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    """The attributes that may be among these headers, _CORE first, and the
    headers that they are in."""
    # A dict finds the very objects that are in it without a look at their bytes.
    given = {header[3:].decode("latin-1"): header for header in headers if header[:3] == b"ce-"}
    for name in given:
        if name == "datacontenttype":
            raise InvalidRequest("header 'ce-datacontenttype': Content-Type says what data is")
        check_name(name)
    for name in ("specversion", *REQUIRED):
        if name not in given:
            refuse(name, "is missing")
    names = (*_CORE, *(name for name in given if name not in _CORE))
    return names, tuple(given.get(name, b"ce-" + name.encode()) for name in names)
