"""What the exit status says, and how an error is told."""

from __future__ import annotations

from catnap.errors import (
    BudgetExhausted,
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
from catnap.skills.duration import roughly

MEANINGS = {
    0: "all went well",
    1: "the platform failed, or the task was cancelled",
    2: "the command or the request was wrong",
    3: "not allowed, or the budget is spent",
    4: "there is no such thing",
    5: "conflict: somebody else was first",
    6: "the skill declined or crashed",
    7: "nobody there, or too busy: try again",
    8: "no answer in time",
    130: "interrupted",
}
FAILED, USAGE, INTERRUPTED = 1, 2, 130

_STATUS: dict[type[CatnapError], int] = {
    InvalidRequest: USAGE,
    PayloadTooLarge: USAGE,
    Unauthenticated: 3,
    PermissionDenied: 3,
    BudgetExhausted: 3,
    NotFound: 4,
    Conflict: 5,
    SkillError: 6,
    SkillCrashed: 6,
    ResourceExhausted: 7,
    Unavailable: 7,
    DeadlineExceeded: 8,
    Cancelled: FAILED,
}


def status(error: CatnapError) -> int:
    """The exit status of an error; of an unknown class, that of its parent."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), FAILED)


def line(error: CatnapError) -> str:
    """The error in one line, with the time to wait where it is known."""
    text = " ".join(error.message.split())
    if error.retry_after is not None:
        text += f"; try again in {roughly(error.retry_after)}"
    return text
