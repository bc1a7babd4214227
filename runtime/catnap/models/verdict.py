"""What an upstream's failure says of the upstream, and what becomes of the request."""

from __future__ import annotations

from enum import Enum

from catnap.errors import (
    CatnapError,
    Conflict,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    ResourceExhausted,
    SkillCrashed,
    SkillError,
    Unavailable,
)


class Fault(Enum):
    """Whose fault it is.

    REQUEST: it fails wherever it is asked. SERVER: this one is not to be asked
    for a while, and another may answer. BUSY: this one has no room; another
    may. LATE: it did not answer in time, and no time is left. EITHER: whoever
    else fails alike clears this one.
    """

    REQUEST = "request"
    SERVER = "server"
    BUSY = "busy"
    LATE = "late"
    EITHER = "either"

    @property
    def elsewhere(self) -> bool:
        """Whether another server may answer."""
        return self in (Fault.SERVER, Fault.BUSY, Fault.EITHER)


class UpstreamError(Exception):
    """error: what the caller is told, if nobody else answers. detail: what only the
    gateway's log says, such as addresses within and words about its own key."""

    def __init__(self, fault: Fault, error: CatnapError, detail: str = "") -> None:
        super().__init__(error.message)
        self.fault = fault
        self.error = error
        self.detail = detail


_GRPC: dict[str, tuple[Fault, type[CatnapError]]] = {
    "CANCELLED": (Fault.SERVER, Unavailable),
    "UNKNOWN": (Fault.EITHER, SkillCrashed),
    "INVALID_ARGUMENT": (Fault.REQUEST, InvalidRequest),
    "DEADLINE_EXCEEDED": (Fault.LATE, DeadlineExceeded),
    "NOT_FOUND": (Fault.EITHER, NotFound),  # one of them may not have loaded it
    "ALREADY_EXISTS": (Fault.REQUEST, Conflict),
    "PERMISSION_DENIED": (Fault.EITHER, SkillCrashed),
    "RESOURCE_EXHAUSTED": (Fault.BUSY, ResourceExhausted),
    "FAILED_PRECONDITION": (Fault.REQUEST, SkillError),
    "ABORTED": (Fault.EITHER, Unavailable),
    "OUT_OF_RANGE": (Fault.REQUEST, InvalidRequest),
    "UNIMPLEMENTED": (Fault.REQUEST, InvalidRequest),
    "INTERNAL": (Fault.EITHER, SkillCrashed),
    "UNAVAILABLE": (Fault.SERVER, Unavailable),
    "DATA_LOSS": (Fault.EITHER, SkillCrashed),
    "UNAUTHENTICATED": (Fault.EITHER, SkillCrashed),
}


UNREACHED = "its server cannot be reached"
_REFUSED_US = "its server does not let the gateway in"
_TOO_LARGE = "message larger than max"
"""How gRPC's libraries say that a message is longer than the receiver takes."""


def of_grpc(model: str, code: str, details: str, retry_after: float | None = None) -> UpstreamError:
    """Of a status that a server of the Open Inference Protocol gave. code: its
    name. PERMISSION_DENIED and UNAUTHENTICATED are about our own rights there:
    the caller's are long decided on."""
    fault, kind = _GRPC.get(code, (Fault.EITHER, SkillCrashed))
    if kind is ResourceExhausted and _TOO_LARGE in details:
        fault, kind = Fault.REQUEST, PayloadTooLarge
    said, detail = details or code, ""
    if kind is Unavailable:
        said, detail = UNREACHED, said
    elif code in ("PERMISSION_DENIED", "UNAUTHENTICATED"):
        said, detail = _REFUSED_US, said
    return UpstreamError(fault, kind(f"model {model!r}: {said}", retry_after=retry_after), detail)


def of_http(model: str, status: int, said: str, retry_after: float | None = None) -> UpstreamError:
    """Of an answer of OpenAI's HTTP that is none."""
    message = f"model {model!r}: {said or status}"
    if status in (401, 403):
        refused = SkillCrashed(f"model {model!r}: {_REFUSED_US}")
        return UpstreamError(Fault.EITHER, refused, f"HTTP {status} {said}")
    if status == 429:
        return UpstreamError(Fault.BUSY, ResourceExhausted(message, retry_after=retry_after))
    if status == 404:
        return UpstreamError(Fault.EITHER, NotFound(message))
    if 400 <= status < 500:
        return UpstreamError(Fault.REQUEST, InvalidRequest(message))
    if status in (502, 503, 504):
        return UpstreamError(Fault.SERVER, Unavailable(message, retry_after=retry_after))
    return UpstreamError(Fault.EITHER, SkillCrashed(message))
