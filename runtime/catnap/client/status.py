"""gRPC's refusals as errors of our tree.

The class travels as google.rpc.ErrorInfo (reason: its name, domain: catnap),
the wait as google.rpc.RetryInfo or the trailer `grpc-retry-pushback-ms`. A
refusal without them came from gRPC itself, or from a proxy on the way, and is
read by its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from catnap.errors import (
    BY_NAME,
    Cancelled,
    CatnapError,
    Conflict,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    ResourceExhausted,
    SkillCrashed,
    SkillError,
    Unauthenticated,
    Unavailable,
)

DOMAIN = "catnap"
DETAILS = "grpc-status-details-bin"
PUSHBACK = "grpc-retry-pushback-ms"


class Unreachable(Unavailable):
    """The gateway itself could not be reached, or went away meanwhile."""


def from_rpc_error(error: grpc.RpcError, address: str = "") -> CatnapError:
    """The error that a failed RPC stands for. `address` is where it was sent,
    for the message."""
    code = error.code()
    text = error.details() or f"the answer was gRPC {code.name} without a reason"
    trailers: Any = error.trailing_metadata() or ()
    kind, wait = _details(dict(trailers))
    if kind is not None:
        return kind(text, retry_after=wait)
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unreachable(f"cannot reach the gateway at {address}: {text}", retry_after=wait)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return InvalidRequest(f"{address} does not offer this call: is it a Catnap gateway? {text}")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded("the answer did not come before the timeout")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text:
        return PayloadTooLarge(text)
    return _BY_CODE.get(code, SkillCrashed)(text, retry_after=wait)


def _details(
    trailers: Mapping[str, str | bytes],
) -> tuple[type[CatnapError] | None, float | None]:
    """The class and the seconds to wait that the trailers name."""
    kind: type[CatnapError] | None = None
    wait: float | None = None
    pushback = trailers.get(PUSHBACK, "")
    if isinstance(pushback, str) and pushback.isdigit():
        wait = int(pushback) / 1000
    raw = trailers.get(DETAILS, b"")
    try:
        status = status_pb2.Status.FromString(raw if isinstance(raw, bytes) else raw.encode())
    except DecodeError:
        return None, wait
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(info) and info.domain == DOMAIN:
            kind = BY_NAME.get(info.reason)
        elif detail.Unpack(retry):
            wait = retry.retry_delay.ToTimedelta().total_seconds()
    return kind, wait


_BY_CODE: dict[grpc.StatusCode, type[CatnapError]] = {
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.FAILED_PRECONDITION: SkillError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
}
