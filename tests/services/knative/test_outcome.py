"""Knative's own answers, told from a skill's, as our errors.

The texts are those of Knative Serving 1.15 and of Go's net/http.
"""

from __future__ import annotations

import pytest

from catnap.errors import (
    CatnapError,
    DeadlineExceeded,
    ResourceExhausted,
    SkillCrashed,
    Unavailable,
)
from catnap.services.knative import outcome

TEXT = {b"content-type": b"text/plain; charset=utf-8"}
REFUSED = "dial tcp 127.0.0.1:8080: connect: connection refused"
RESET = "read tcp 127.0.0.1:5060->127.0.0.1:8080: read: connection reset by peer"
GONE = 'Error getting active endpoint: revision.serving.knative.dev "echo-00001" not found'


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (503, "pending request queue full\n", ResourceExhausted),
        (503, "activator overload\n", ResourceExhausted),
        (503, "context deadline exceeded\n", DeadlineExceeded),
        (504, "request timeout", DeadlineExceeded),
        (504, "activator request timeout", DeadlineExceeded),
        (502, "EOF\n", SkillCrashed),
        (502, "unexpected EOF\n", SkillCrashed),
        (502, RESET, SkillCrashed),
        (502, REFUSED, Unavailable),
        (500, "", Unavailable),
        (404, GONE, Unavailable),
    ],
)
def test_what_knative_answers_is_an_error_of_ours(
    status: int, text: str, kind: type[CatnapError]
) -> None:
    assert outcome.is_knatives(status, TEXT)
    error = outcome.error(status, text, "echo")
    assert type(error) is kind
    assert error.retryable
    assert "'echo'" in error.message
    assert text.strip() in error.message


def test_what_an_instance_answers_is_its_own_whatever_it_looks_like() -> None:
    assert not outcome.is_knatives(503, {**TEXT, b"catnap-instance": b"echo-00001-x"})
    assert not outcome.is_knatives(500, {b"content-type": b"application/problem+json"})
    assert not outcome.is_knatives(200, TEXT)


def test_only_what_no_skill_has_seen_may_be_sent_again() -> None:
    assert outcome.unsent(502, REFUSED)
    assert outcome.unsent(502, "http: server closed idle connection")
    assert outcome.unsent(503, "pending request queue full")
    assert not outcome.unsent(502, RESET)
    assert not outcome.unsent(502, "EOF")
    assert not outcome.unsent(504, "request timeout")
