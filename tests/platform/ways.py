"""The ways into a skill besides gRPC."""

from __future__ import annotations

from typing import Any

Headers = dict[str, str]


def in_other_ways(payload: object, user: str) -> list[tuple[Headers, Any]]:
    """Headers and body of the same call: plain, as a binary and as a
    structured CloudEvent."""
    whole = {"specversion": "1.0", "id": "1", "source": "/ways", "type": "any", "userid": user}
    event = {f"ce-{name}": value for name, value in whole.items()}
    structured = {"content-type": "application/cloudevents+json"}
    return [
        ({"catnap-user": user}, payload),
        (event, payload),
        (structured, {**whole, "data": payload}),
    ]
