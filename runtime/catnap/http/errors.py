"""What HTTP itself has a status for, beside the one tree of errors."""

from __future__ import annotations

from catnap.errors import InvalidRequest, Unavailable


class ProtocolError(InvalidRequest):
    """A request that HTTP's own rules refuse. `headers` go with the answer."""

    headers: tuple[tuple[bytes, bytes], ...] = ()


class MethodNotAllowed(ProtocolError):
    """The path takes other methods, which `Allow` names."""

    http, title = 405, "Method not allowed"

    def __init__(self, message: str, allow: tuple[str, ...]) -> None:
        super().__init__(message)
        self.headers = ((b"allow", ", ".join(allow).encode()),)


class ProxyAuthenticationRequired(ProtocolError):
    """A proxy was shown no credential, or one that it does not take."""

    http, title = 407, "Proxy authentication required"
    headers = ((b"proxy-authenticate", b'Basic realm="catnap"'), (b"proxy-authenticate", b"Bearer"))


class RequestTimeout(ProtocolError):
    """The client began a request and stopped sending."""

    http, title = 408, "Request timeout"


class TargetTooLong(ProtocolError):
    """A path and query longer than the server's limits allow."""

    http, title = 414, "Target too long"


class UnsupportedMediaType(ProtocolError):
    """The body is in a form that is not read here."""

    http, title = 415, "Unsupported media type"


class RangeNotSatisfiable(ProtocolError):
    """A range that begins past the end; `Content-Range` tells the size."""

    http, title = 416, "Range not satisfiable"

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.headers = ((b"content-range", b"bytes */%d" % size),)


class ExpectationFailed(ProtocolError):
    """An `Expect` other than 100-continue."""

    http, title = 417, "Expectation failed"


class HeadersTooLarge(ProtocolError):
    """More headers, or longer ones, than the server's limits allow."""

    http, title = 431, "Headers too large"


class UpgradeRefused(ProtocolError):
    """Another protocol than plain requests and answers was asked for."""

    http, title = 501, "Not implemented"


class LoopDetected(ProtocolError):
    """The request has come by here before, again and again."""

    http, title = 508, "Loop detected"


class BadGateway(Unavailable):
    """The server that we passed the request on to gave no answer."""

    http, title = 502, "Bad gateway"
