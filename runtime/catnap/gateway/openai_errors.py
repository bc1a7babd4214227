"""Errors in the form of OpenAI's HTTP, and when to try again as its clients
read it. Pure.

Source: https://platform.openai.com/docs/guides/error-codes; the header fields
`retry-after-ms` and `x-should-retry` are those that the `openai` package reads.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from catnap.errors import (
    BudgetExhausted,
    CatnapError,
    DeadlineExceeded,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from catnap.http import Response


class ModelNotFound(NotFound):
    """What is not there is the model, and not the path."""


_TYPES: dict[type[CatnapError], tuple[str, str]] = {
    Unauthenticated: ("invalid_request_error", "invalid_api_key"),
    BudgetExhausted: ("insufficient_quota", "insufficient_quota"),
    PermissionDenied: ("permission_error", "permission_denied"),
    ModelNotFound: ("invalid_request_error", "model_not_found"),
    ResourceExhausted: ("rate_limit_error", "rate_limit_exceeded"),
    Unavailable: ("server_error", "unavailable"),
    DeadlineExceeded: ("server_error", "timeout"),
}
_FIELD = re.compile(r"at `\$\.(\w+)|^(\w+): ")
"""Where our messages, and those of what reads JSON, name a field of the body."""


def encode(error: CatnapError) -> bytes:
    """The document; in a stream, the data of an event."""
    usual = ("server_error" if error.http >= 500 else "invalid_request_error", None)
    kind, code = _TYPES.get(type(error), usual)
    said: dict[str, Any] = {"message": error.message, "type": kind, "code": code, "param": None}
    if error.http == 400 and (found := _FIELD.search(error.message)):
        said["param"] = found[1] or found[2]
    return msgspec.json.encode({"error": said})


def answer(error: CatnapError) -> Response:
    headers = [
        (b"content-type", b"application/json"),
        (b"x-should-retry", b"true" if error.retryable else b"false"),
        *(each for each in Response.error(error).headers if each[0] != b"content-type"),
    ]
    if error.retry_after is not None:
        headers.append((b"retry-after-ms", b"%d" % math.ceil(error.retry_after * 1000)))
    return Response(error.http, headers, encode(error))
