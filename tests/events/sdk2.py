"""The CloudEvents SDK 2, asked by lines of JSON: `{"read": [headers, body]}` or
`{"write": [mode, attributes, data]}`, with bytes in base64. Runs in an
environment of its own, beside the SDK 1 that the tests' environment has.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent

WRITERS = {"binary": http.to_binary_event, "structured": http.to_structured_event}


def read(headers: dict[str, str], body: str) -> dict[str, Any] | None:
    try:
        event = http.from_http_event(http.HTTPMessage(headers, base64.b64decode(body)))
    except Exception:  # it raises whatever its own code runs into
        return None
    data = event.get_data()
    raw = isinstance(data, bytes)
    return {
        "attributes": event.get_attributes(),
        "data": base64.b64encode(data).decode() if raw else data,
        "raw": raw,
    }


def write(mode: str, attributes: dict[str, Any], data: Any) -> list[Any]:
    message = WRITERS[mode](CloudEvent(attributes, data))
    return [message.headers, base64.b64encode(message.body).decode()]


if __name__ == "__main__":
    for line in sys.stdin:
        [(operation, arguments)] = json.loads(line).items()
        answer = {"read": read, "write": write}[operation](*arguments)
        print(json.dumps(answer, default=str), flush=True)
