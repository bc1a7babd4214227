"""Spans as OTLP JSON: one TracesData a line, as a collector's `otlpjsonfile`
receiver reads it. Source: OpenTelemetry Protocol 1, JSON encoding, where ids are
hex and 64-bit integers are strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from catnap.traces.span import Span, Value

_KINDS = {"server": 2, "client": 3}
_ERROR = 2
_SCOPE = {"name": "catnap"}
_encode = msgspec.json.Encoder().encode


def line(service: str, spans: Iterable[Span]) -> bytes:
    """With its end. service: the program that they are of."""
    resource = {"attributes": _attributes({"service.name": service})}
    scoped = [{"scope": _SCOPE, "spans": [_span(each) for each in spans]}]
    return _encode({"resourceSpans": [{"resource": resource, "scopeSpans": scoped}]}) + b"\n"


def _span(span: Span) -> dict[str, object]:
    found: dict[str, object] = {
        "traceId": span.trace,
        "spanId": span.id,
        "name": span.name,
        "kind": _KINDS[span.kind],
        "startTimeUnixNano": str(span.began),
        "endTimeUnixNano": str(span.ended),
        "attributes": _ours(span.attributes),
    }
    if span.parent:
        found["parentSpanId"] = span.parent
    if span.events:
        found["events"] = [
            {
                "timeUnixNano": str(each.at),
                "name": each.name,
                "attributes": _ours(each.attributes),
            }
            for each in span.events
        ]
    if span.error:
        found["status"] = {"code": _ERROR, "message": span.error}
    return found


def _attributes(values: Mapping[str, Value]) -> list[dict[str, object]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _ours(values: Mapping[str, Value]) -> list[dict[str, object]]:
    """With names that nobody else's attributes have."""
    return _attributes({f"catnap.{name}": value for name, value in values.items()})


def _value(value: Value) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value}
