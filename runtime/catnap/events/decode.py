"""HTTP messages into events: the binary, the structured and the batched mode.

Source: CloudEvents HTTP Protocol Binding 1.0.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import itemgetter

from catnap.errors import InvalidRequest
from catnap.events import envelope, header_text
from catnap.events.attributes import check_name, event_of
from catnap.events.event import Event
from catnap.events.media_types import BATCHED, STRUCTURED, charset, essence

_CONTENT_TYPE = b"content-type"
_EVENTS = b"application/cloudevents"
_BATCHES = b"application/cloudevents-batch"
_Pick = Callable[[Mapping[bytes, bytes]], tuple[bytes, ...]]
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
    names, pick = _attributes(tuple(headers))
    values = header_text.read(names, pick(headers))
    content_type = headers.get(_CONTENT_TYPE)
    if content_type:
        values["datacontenttype"] = _text(content_type)
    # A body cannot say that there is no data: empty, it is none.
    return event_of(values, body or None)


def _text(content_type: bytes) -> str:
    """A tab is white space in HTTP, and not allowed in an attribute."""
    return content_type.decode("latin-1").replace("\t", " ")


@lru_cache(maxsize=64)  # a client sends the same headers with every request
def _attributes(headers: tuple[bytes, ...]) -> tuple[tuple[str, ...], _Pick]:
    """The attributes among header names, and what picks their texts."""
    ours = [header for header in headers if header.startswith(b"ce-")]
    names = tuple(header[3:].decode("latin-1") for header in ours)
    for name in names:
        if name == "datacontenttype":
            raise InvalidRequest("header 'ce-datacontenttype': Content-Type says what data is")
        check_name(name)
    if len(ours) > 1:
        return names, itemgetter(*ours)
    return names, lambda found: tuple(found[header] for header in ours)
