"""Events into HTTP messages: the binary, the structured and the batched mode.

Source: CloudEvents HTTP Protocol Binding 1.0.2. Each raises InvalidRequest,
naming the attribute, for an event that breaks a rule: what is written can be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from catnap.events import envelope, header_text
from catnap.events.attributes import check_core, check_name
from catnap.events.event import Event
from catnap.events.media_types import BATCHED, STRUCTURED
from catnap.http.fields import write_fields

Headers = list[tuple[bytes, bytes]]

_VERSION = (b"ce-specversion", b"1.0")
_STRUCTURED = (b"content-type", STRUCTURED.encode())
_BATCHED = (b"content-type", BATCHED.encode())


def to_binary(event: Event) -> tuple[Headers, bytes]:
    """Attributes as `ce-` headers, data as the body.

    A body cannot say that there is no data: it reads as empty data does.
    """
    check_core(event)
    values = event.attributes()
    content_type = values.pop("datacontenttype", None)
    headers = [_VERSION, *zip(_headers(tuple(values)), header_text.write(values), strict=True)]
    if content_type is not None:
        headers.append((b"content-type", content_type.encode()))
    return headers, event.data or b""


def to_lines(event: Event) -> tuple[bytes, bytes]:
    """As `to_binary`, the headers as the lines of a head (see `write_fields`)."""
    check_core(event)
    lines = [
        "ce-specversion: 1.0",
        f"ce-id: {event.id}",
        f"ce-source: {event.source}",
        f"ce-type: {event.type}",
    ]
    if event.subject is not None:
        lines.append(f"ce-subject: {event.subject}")
    if event.time is not None:
        lines.append(f"ce-time: {event.time}")
    if event.dataschema is not None:
        lines.append(f"ce-dataschema: {event.dataschema}")
    if event.extensions:
        _headers(tuple(event.extensions))  # checks the names
        lines += [f"ce-{name}: {value}" for name, value in event.extensions.items()]
    lines.append("")
    block = "\r\n".join(lines)
    # Of a line, all that does not stand for itself is nearly always this.
    if not block.isascii() or header_text.escaped(block.encode()) != b" \r\n" * (len(lines) - 1):
        headers, body = to_binary(event)
        return write_fields(headers), body
    if event.datacontenttype is not None:
        block += f"content-type: {event.datacontenttype}\r\n"
    return block.encode(), event.data or b""


def to_structured(event: Event) -> tuple[Headers, bytes]:
    """Attributes and data in one JSON object."""
    return [_STRUCTURED], envelope.write(event)


def to_batch(events: Iterable[Event]) -> tuple[Headers, bytes]:
    """Several events, or none, in one JSON array. Its limits are the
    reader's: see catnap.events.limits."""
    return [_BATCHED], b"[%b]" % b",".join([envelope.write(event) for event in events])


@lru_cache(maxsize=64)  # a sender writes the same ones with every event
def _headers(names: tuple[str, ...]) -> list[bytes]:
    for name in names:
        check_name(name)
    return [b"ce-" + name.encode() for name in names]
