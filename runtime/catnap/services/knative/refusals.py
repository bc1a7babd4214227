"""What the Kubernetes API says no with, as our errors."""

from __future__ import annotations

import msgspec

from catnap.errors import (
    CatnapError,
    Conflict,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)


class Expired(NotFound):
    """410: the resourceVersion asked for is older than what the server keeps."""


class Cause(msgspec.Struct):
    reason: str = ""


class Details(msgspec.Struct):
    causes: list[Cause] = []
    retryAfterSeconds: float | None = None  # noqa: N815


class Status(msgspec.Struct):
    """metav1.Status: the API server's word for an error."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: Details | None = None


# Here, since requests end in several threads: two that make msgspec learn of a
# type at once may end the process by SIGSEGV.
_status = msgspec.json.Decoder(Status)
_BY_CODE: dict[int, type[CatnapError]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    403: PermissionDenied,
    404: NotFound,
    405: InvalidRequest,
    409: Conflict,
    410: Expired,
    413: PayloadTooLarge,
    415: InvalidRequest,
    422: InvalidRequest,
    429: ResourceExhausted,
    504: DeadlineExceeded,
}


def refused(code: int, body: bytes, retry_after: str | None = None) -> CatnapError:
    """The error that a response of 400 or more stands for."""
    try:
        status = _status.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Not the API server's: a proxy's page, or a webhook's.
        status = Status(message=body[:200].decode("utf-8", "replace"))
    return of_status(code, status, retry_after)


def of_status(code: int, status: Status, retry_after: str | None = None) -> CatnapError:
    details = status.details or Details()
    message = " ".join(status.message.split()) or f"HTTP {code} {status.reason}".strip()
    after = details.retryAfterSeconds
    if after is None and retry_after and retry_after.isdecimal():
        after = float(retry_after)
    kind = _BY_CODE.get(code) or (Unavailable if code >= 500 else InvalidRequest)
    if code == 401:
        message = f"the cluster does not accept the credential of the kube config: {message}"
    if code == 403:
        # Three things that are not the lack of a right come as 403 too.
        if "exceeded quota" in message:
            kind = ResourceExhausted
        elif any(cause.reason == "NamespaceTerminating" for cause in details.causes):
            kind = Conflict
        elif "violates PodSecurity" in message:
            kind = InvalidRequest
    return kind(message, retry_after=after)


def unreachable(server: str, error: Exception) -> Unavailable:
    """Of what urllib3 raises where there is no response."""
    reason: object = getattr(error, "reason", None) or error
    text = " ".join(str(reason).split())
    # urllib3 begins with the address of one of its objects.
    text = text.rpartition("object at 0x")[2].partition(": ")[2] or text
    return Unavailable(
        f"{server} does not answer ({text[:200]}): is the cluster up, and is it the one meant?"
    )
