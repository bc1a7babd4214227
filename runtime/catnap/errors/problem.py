"""Errors as RFC 9457 problem documents, written and read."""

from __future__ import annotations

import msgspec

from catnap.errors.tree import BY_HTTP, BY_NAME, CatnapError, InvalidRequest, SkillCrashed

CONTENT_TYPE = "application/problem+json"


class Problem(msgspec.Struct, omit_defaults=True):
    """The document. `type` is a URN that ends in the error's class name."""

    title: str = ""
    status: int = 500
    detail: str = ""
    type: str = "about:blank"
    retry_after: float | None = None


_document = msgspec.json.Decoder(Problem)


def to_problem(error: CatnapError, status: int = 0) -> bytes:
    """status: of the answer, where it is another than the error's own."""
    return msgspec.json.encode(
        Problem(
            type=f"urn:catnap:error:{type(error).__name__}",
            title=error.title,
            status=status or error.http,
            detail=error.message,
            retry_after=error.retry_after,
        )
    )


def from_problem(status: int, body: bytes) -> CatnapError:
    """The error that a response stands for, whoever wrote it.

    A body that is no problem document is quoted, shortened. A status outside
    the table becomes InvalidRequest (4xx) or SkillCrashed.
    """
    try:
        problem = _document.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = Problem(detail=body[:200].decode("utf-8", "replace").strip())
    kind = BY_NAME.get(problem.type.rpartition(":")[2]) or BY_HTTP.get(status)
    if kind is None:
        kind = InvalidRequest if 400 <= status < 500 else SkillCrashed
    detail = problem.detail or problem.title or f"the answer was HTTP {status} without a reason"
    return kind(detail, retry_after=problem.retry_after)
