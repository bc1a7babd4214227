"""Events into HTTP messages: the binary and the structured JSON mode."""

from __future__ import annotations

import base64
import re

import msgspec

from catnap.events.decode import STRUCTURED, is_json
from catnap.events.event import OPTIONAL, REQUIRED, Event

Headers = list[tuple[bytes, bytes]]

_QUOTED = re.compile(rb'[^!-~]|["%]')


def quote(value: str) -> bytes:
    """Attribute value to header text: space, `"`, `%` and all that is not
    printable ASCII percent-encoded, as the HTTP binding's 3.1.3.2 says."""
    return _QUOTED.sub(_escape, value.encode())


def _escape(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


def to_binary(event: Event) -> tuple[Headers, bytes]:
    """Attributes as `ce-` headers, data as the body.

    A body cannot say that there is no data: it reads as empty data does.
    """
    headers = [
        (b"ce-specversion", b"1.0"),
        (b"ce-id", quote(event.id)),
        (b"ce-source", quote(event.source)),
        (b"ce-type", quote(event.type)),
    ]
    for name in ("subject", "time", "dataschema"):
        value: str | None = getattr(event, name)
        if value is not None:
            headers.append((b"ce-" + name.encode(), quote(value)))
    headers.extend((b"ce-" + name.encode(), quote(v)) for name, v in event.extensions.items())
    if event.datacontenttype is not None:
        headers.append((b"content-type", event.datacontenttype.encode()))
    return headers, event.data or b""


def to_structured(event: Event) -> tuple[Headers, bytes]:
    """Attributes and data in one JSON object."""
    members: dict[str, object] = {"specversion": "1.0"}
    for name in (*REQUIRED, *OPTIONAL):
        value = getattr(event, name)
        if value is not None:
            members[name] = value
    members.update(event.extensions)
    if event.data is not None:
        if is_json(event.datacontenttype) and _embeds(event.data):
            members["data"] = msgspec.Raw(event.data)
        else:
            members["data_base64"] = base64.b64encode(event.data).decode()
    return [(b"content-type", STRUCTURED.encode())], msgspec.json.encode(members)


def _embeds(data: bytes) -> bool:
    """Whether it stays what it is as a member of the envelope."""
    if data.strip() == b"null":
        return False  # as a member it would mean that there is no data
    try:
        data.decode()
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
