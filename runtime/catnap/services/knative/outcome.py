"""What Knative itself answers in a skill's place, as our errors.

Source: Knative Serving, pkg/queue/handler.go, pkg/activator/handler/handler.go,
pkg/http/handler/timeout.go, and Go's net/http/httputil.
"""

from __future__ import annotations

from collections.abc import Mapping

from catnap.errors import (
    CatnapError,
    DeadlineExceeded,
    ResourceExhausted,
    SkillCrashed,
    Unavailable,
)

INSTANCE = b"catnap-instance"
"""The header by which an instance names itself: no answer of the host's, good
or bad, is without it."""

_FULL = ("pending request queue full", "activator overload")
_UNSENT = ("dial tcp", "server closed idle connection")


def is_knatives(status: int, headers: Mapping[bytes, bytes]) -> bool:
    """Whether an answer is the queue-proxy's or the activator's own."""
    if status < 400 or INSTANCE in headers:
        return False
    kind = headers.get(b"content-type", b"")
    return not kind or kind.startswith(b"text/plain")


def unsent(status: int, text: str) -> bool:
    """Whether the skill has certainly not seen the call: it may be sent again."""
    known = {502: _UNSENT, 503: _FULL}.get(status, ())
    return any(each in text for each in known)


def error(status: int, text: str, service: str) -> CatnapError:
    """The error that such an answer stands for. text: its body."""
    if status == 504 or "context deadline exceeded" in text:
        return DeadlineExceeded(f"{service!r} did not answer within its timeout: {text}")
    if any(each in text for each in _FULL):
        return ResourceExhausted(
            f"as many calls wait for {service!r} as may: {text}", retry_after=1
        )
    if status == 502 and not unsent(status, text):
        return SkillCrashed(f"an instance of {service!r} ended while it handled the call: {text}")
    return Unavailable(
        f"{service!r} cannot be reached: HTTP {status} {text}".strip(), retry_after=1
    )
