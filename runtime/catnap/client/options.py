"""What a caller may say about a call, and how it goes into messages."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from catnap.errors import InvalidRequest
from catnap.v1 import call_pb2, files_pb2


class CallOptions(TypedDict, total=False):
    """For whom, until when and how urgently a skill is called.

    timeout: seconds until the answer stops being useful; the skill's own
    timeout holds besides. idempotency_key: a repeat with the same key gets
    the first call's outcome. traceparent: the caller's W3C trace context. tag:
    the revision that carries it is called; not for what is submitted.
    """

    user: str
    session: str
    timeout: float
    idempotency_key: str
    priority: Literal["low", "normal", "high"]
    traceparent: str
    tag: str


class Scope(TypedDict, total=False):
    """Whose files: the user's own, or those of one session or one task."""

    user: str
    session: str
    task: str


def to_payload(value: Any, content_type: str) -> call_pb2.Payload:
    if value is None and not content_type:
        return call_pb2.Payload()
    if isinstance(value, bytes | bytearray | memoryview):
        return call_pb2.Payload(
            data=bytes(value), content_type=content_type or "application/octet-stream"
        )
    try:
        data = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"the payload cannot be written as JSON: {error}") from None
    return call_pb2.Payload(data=data, content_type=content_type or "application/json")


def call_options(options: CallOptions) -> call_pb2.CallOptions:
    priority = options.get("priority")
    return call_pb2.CallOptions(
        user=options.get("user", ""),
        session=options.get("session", ""),
        idempotency_key=options.get("idempotency_key", ""),
        priority=f"PRIORITY_{priority.upper()}" if priority else None,
        traceparent=options.get("traceparent", ""),
        tag=options.get("tag", ""),
    )


def file_scope(scope: Scope) -> files_pb2.Scope:
    return files_pb2.Scope(
        user=scope.get("user", ""), session=scope.get("session", ""), task=scope.get("task", "")
    )


def timestamp(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromMilliseconds(round(seconds * 1000))
    return stamp
