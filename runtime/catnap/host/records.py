"""Lines of output as JSON records."""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec

from catnap.events.traceparent import parse
from catnap.skills import Context

LONGEST = 16 * 1024
"""Characters of one record; a longer text becomes several."""


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of output, or one message of `logging`, which has a level.

    time: RFC 3339 in UTC. trace, span: ids in hex, of the trace that the call
    is part of and of its caller's span.
    """

    time: str
    stream: str
    text: str
    level: str = ""
    task: str = ""
    trace: str = ""
    span: str = ""


_encode = msgspec.json.Encoder().encode


def encode(
    stream: str, call: Context | None, texts: Iterable[str], now: float, level: str = ""
) -> bytes:
    """Records of one moment, a line each. call: whom they were written for."""
    moment = rfc3339(now)
    task, trace, span = _ids(call)
    encoded = bytearray()
    for text in texts:
        for start in range(0, max(1, len(text)), LONGEST):
            part = text[start : start + LONGEST].encode("utf-8", "backslashreplace").decode()
            encoded += _encode(Record(moment, stream, part, level, task, trace, span)) + b"\n"
    return bytes(encoded)


def _ids(call: Context | None) -> tuple[str, str, str]:
    if call is None:
        return "", "", ""
    return (call.task or call.event.id, *(parse(call.traceparent) or ("", "")))


def rfc3339(seconds: float) -> str:
    """Of seconds since the epoch, in UTC to the millisecond."""
    whole = int(seconds)
    parts = time.gmtime(whole)
    return (
        f"{parts.tm_year:04}-{parts.tm_mon:02}-{parts.tm_mday:02}T{parts.tm_hour:02}:"
        f"{parts.tm_min:02}:{parts.tm_sec:02}.{int((seconds - whole) * 1000):03}Z"
    )
