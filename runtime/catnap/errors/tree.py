"""The one tree of errors, and the one table that maps it to HTTP and gRPC.

    CatnapError
    ├── InvalidRequest       400 INVALID_ARGUMENT
    ├── Unauthenticated      401 UNAUTHENTICATED
    ├── BudgetExhausted      402 RESOURCE_EXHAUSTED
    ├── PermissionDenied     403 PERMISSION_DENIED
    ├── NotFound             404 NOT_FOUND
    ├── Conflict             409 ABORTED
    ├── PayloadTooLarge      413 INVALID_ARGUMENT
    ├── SkillError           422 FAILED_PRECONDITION
    ├── ResourceExhausted    429 RESOURCE_EXHAUSTED   may be retried
    ├── Cancelled            499 CANCELLED
    ├── SkillCrashed         500 INTERNAL             may be retried
    ├── Unavailable          503 UNAVAILABLE          may be retried
    └── DeadlineExceeded     504 DEADLINE_EXCEEDED    may be retried

Each class carries its own row, so the table is the tree.
"""

from __future__ import annotations

import math
from typing import ClassVar


class CatnapError(Exception):
    """Anything Catnap tells a caller. Use one of its subclasses.

    `message` says what was wrong, where, and what to do, in one line.
    `retry_after` is the number of seconds after which a repeat may succeed,
    where that is known; what is not finite is no such number.
    """

    http: ClassVar[int] = 500
    grpc: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False
    title: ClassVar[str] = "Internal error"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        known = retry_after is not None and math.isfinite(retry_after)
        self.retry_after = retry_after if known else None

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.retry_after)


def _rebuild(kind: type[CatnapError], message: str, retry_after: float | None) -> CatnapError:
    return kind(message, retry_after=retry_after)


class InvalidRequest(CatnapError):
    """The request cannot be understood, or a field of it is not allowed."""

    http, grpc, title = 400, "INVALID_ARGUMENT", "Invalid request"


class Unauthenticated(CatnapError):
    """No credential, or one that is not known."""

    http, grpc, title = 401, "UNAUTHENTICATED", "Not authenticated"


class BudgetExhausted(CatnapError):
    """What the task was allowed to spend is spent."""

    http, grpc, title = 402, "RESOURCE_EXHAUSTED", "Budget exhausted"


class PermissionDenied(CatnapError):
    """The caller is known and may not do this."""

    http, grpc, title = 403, "PERMISSION_DENIED", "Permission denied"


class NotFound(CatnapError):
    """There is no such thing, or not for this caller."""

    http, grpc, title = 404, "NOT_FOUND", "Not found"


class Conflict(CatnapError):
    """Somebody else was there first: a version or a key is taken."""

    http, grpc, title = 409, "ABORTED", "Conflict"


class PayloadTooLarge(CatnapError):
    """The body is larger than the limit that the message names."""

    http, grpc, title = 413, "INVALID_ARGUMENT", "Payload too large"


class SkillError(CatnapError):
    """Raised by a skill: this request cannot succeed, however often repeated."""

    http, grpc, title = 422, "FAILED_PRECONDITION", "The skill declined"


class ResourceExhausted(CatnapError):
    """A rate, quota or queue is full; there will be room later."""

    http, grpc, title, retryable = 429, "RESOURCE_EXHAUSTED", "Too much at once", True


class Cancelled(CatnapError):
    """The caller left, or the task was stopped by request."""

    http, grpc, title = 499, "CANCELLED", "Cancelled"


class SkillCrashed(CatnapError):
    """The skill raised what it did not declare, or its process ended."""

    http, grpc, title, retryable = 500, "INTERNAL", "The skill crashed", True


class Unavailable(CatnapError):
    """Nobody is there to answer right now."""

    http, grpc, title, retryable = 503, "UNAVAILABLE", "Unavailable", True


class DeadlineExceeded(CatnapError):
    """The answer did not come in time."""

    http, grpc, title, retryable = 504, "DEADLINE_EXCEEDED", "Deadline exceeded", True


ERRORS: tuple[type[CatnapError], ...] = (
    InvalidRequest,
    Unauthenticated,
    BudgetExhausted,
    PermissionDenied,
    NotFound,
    Conflict,
    PayloadTooLarge,
    SkillError,
    ResourceExhausted,
    Cancelled,
    SkillCrashed,
    Unavailable,
    DeadlineExceeded,
)
"""Every error there is, by HTTP status."""

BY_NAME = {kind.__name__: kind for kind in ERRORS}
BY_HTTP = {kind.http: kind for kind in ERRORS}
