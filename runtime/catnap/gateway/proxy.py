"""A reverse proxy: a request as it came, to a Kubernetes Service, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping

from catnap.http import Client, ConnectionLost, Reply, Request, Response, Target
from catnap.http.errors import BadGateway, LoopDetected, UpgradeRefused

Field = tuple[bytes, bytes]

MAX_HOPS = 5
"""Times that one request may come by here."""

_VIA = b"1.1 catnap-gateway"

# RFC 9110 7.6.1, and what the two connections agree on by themselves.
_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"expect",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
# Only an Ingress object may say which revision the activator wakes, and what a
# queue-proxy tells the instance its host is.
_STEERING = frozenset(
    (
        b"k-network-hash",
        b"k-original-host",
        b"knative-serving-namespace",
        b"knative-serving-revision",
    )
)


async def forward(
    client: Client, request: Request, where: Target, host: str, headers: Iterable[Field]
) -> Response:
    """Sends a request on; bodies stream both ways, and nothing is repeated.

    host: what its Host header shall say. headers: to set, names in lower case.
    Raises Unavailable where nobody listens, BadGateway where no answer comes,
    LoopDetected, and UpgradeRefused.
    """
    if b"sec-websocket-key" in request.headers:
        raise UpgradeRefused("the Catnap gateway passes no WebSockets on: use plain requests")
    if request.headers.get(b"via", b"").count(_VIA) >= MAX_HOPS:
        raise LoopDetected(f"host {host!r} leads back to this gateway again and again")
    fields = request_fields(request.headers, request.client, host, headers)
    body: bytes | AsyncIterator[bytes] = b""
    if b"content-length" in request.headers or b"transfer-encoding" in request.headers:
        body = request.body
    try:
        reply = await client.request(where, request.method, request.target, fields, body)
    except ConnectionLost as error:
        raise BadGateway(error.message) from None
    back = [
        each
        for each in reply.fields
        if each[0] not in _hop_by_hop(reply.headers.get(b"connection", b""))
    ]
    return Response(reply.status, back, _Passed(reply))


def request_fields(
    headers: Mapping[bytes, bytes], client: str, host: str, setting: Iterable[Field]
) -> list[Field]:
    """The headers of a request that is passed on. Pure.

    client: the address that it came from. setting: replaces what was sent.
    """
    dropped = _hop_by_hop(headers.get(b"connection", b"")) | _STEERING
    fields = {name: value for name, value in headers.items() if name not in dropped}
    sent_to = headers.get(b"host", b"")
    proto = headers.get(b"x-forwarded-proto", b"http")
    _append(fields, b"x-forwarded-for", client.encode())
    _append(fields, b"forwarded", _forwarded(client, sent_to, proto))
    _append(fields, b"via", _VIA)
    fields.setdefault(b"x-forwarded-host", sent_to)
    fields[b"x-forwarded-proto"] = proto
    fields.update(setting)
    fields[b"host"] = host.encode()
    return list(fields.items())


def _forwarded(client: str, host: bytes, proto: bytes) -> bytes:
    """Source: RFC 7239, whose values are quoted where they hold a colon."""
    address = f'"[{client}]"' if ":" in client else client or "unknown"
    return b'for=%b;host="%b";proto=%b' % (address.encode(), host.replace(b'"', b""), proto)


def _append(fields: dict[bytes, bytes], name: bytes, value: bytes) -> None:
    if value:
        before = fields.get(name)
        fields[name] = value if not before else before + b", " + value


def _hop_by_hop(connection: bytes) -> frozenset[bytes]:
    named = {each.strip().lower() for each in connection.split(b",")}
    return _HOP_BY_HOP | named


class _Passed:
    """An answer's body on its way; what nobody wants any more is given up."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._reply.body

    async def aclose(self) -> None:
        self._reply.close()
