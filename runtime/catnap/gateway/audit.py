"""`/audit`: what was done and denied, read, checked and taken along."""

from __future__ import annotations

import msgspec

from catnap.access import Allowed, Principal, Resource, decide
from catnap.access.audit_chain import Verdict
from catnap.access.audit_heads import Head
from catnap.access.audit_record import KINDS, Record, moment
from catnap.access.audit_rows import Cursor
from catnap.errors import InvalidRequest
from catnap.events.timestamps import to_seconds
from catnap.gateway.door import allow, asked_tenant
from catnap.gateway.gateway import Gateway
from catnap.gateway.query import read_query, whole_number
from catnap.http import Request, Response

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
_LOOKED_AT = 20
"""Pages that one request looks through, whatever it finds in them."""

_NEWEST: Cursor = ("9999", "", 0)
_LAST = 2**63 - 1
"""Of the numbers that a store takes."""
_FIELDS = ("action", "outcome", "principal", "user", "skill", "task")


class Found(msgspec.Struct, frozen=True):
    """records: the newest first. next: what `before` is to go on, empty at the end."""

    records: list[msgspec.Raw]
    next: str = ""


class Verdicts(msgspec.Struct, frozen=True):
    chains: list[Verdict]


async def list_(gateway: Gateway, caller: Principal, request: Request) -> Response:
    """Of the chain that is named, or of all that the caller may read.

    Query: tenant, or platform; kind, action, outcome, principal, user, skill,
    task; since, an RFC 3339 time; limit; before.
    """
    query = read_query(request, blank=True)
    limit = whole_number("limit", query.get("limit", ""), DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    kinds = _kinds(query.get("kind", ""))
    since, before = _since(query.get("since", "")), _cursor(query.get("before", ""))
    wanted = {name: query[name] for name in _FIELDS if name in query}
    chains = await _chains(gateway, caller, request)
    found: list[msgspec.Raw] = []
    for _ in range(_LOOKED_AT):
        page = await gateway.audit.newest(chains, kinds, since, before)
        if not page:
            return _answer(Found(found))
        for row in page:
            before = (row.time, row.tenant, row.link.number)
            if not wanted or _matches(row.link.read(), wanted):
                found.append(msgspec.Raw(row.link.record))
                if len(found) == limit:
                    return _answer(Found(found, _encode(before).decode()))
    return _answer(Found(found, _encode(before).decode()))


async def verify(gateway: Gateway, caller: Principal, request: Request) -> Response:
    """Of the chain that is named, or of all that the caller may read.

    head: `NUMBER:HASH` that somebody kept, which the named chain has to hold.
    """
    kept = read_query(request, blank=True).get("head", "")
    chains = await _chains(gateway, caller, request)
    if kept and len(chains) != 1:
        raise InvalidRequest("head: it is of one chain: name its tenant")
    head = _head(chains[0], kept) if kept else None
    return _answer(Verdicts([await gateway.audit.verify(each, head) for each in chains]))


async def export(gateway: Gateway, caller: Principal, request: Request) -> Response:
    """One chain from its beginning, as JSON lines; by default the caller's tenant's."""
    chain = _named(gateway, caller, request)
    if chain is None:
        chain = caller.tenant
    kind = [(b"content-type", b"application/jsonl")]
    return Response(200, kind, gateway.audit.export(chain))


def _named(gateway: Gateway, caller: Principal, request: Request) -> str | None:
    """The chain that is named; None for none. Raises PermissionDenied."""
    if "platform" in read_query(request, blank=True):
        allow(gateway, caller, "audit.read", Resource(""))
        return ""
    return asked_tenant(request) or None


async def _chains(gateway: Gateway, caller: Principal, request: Request) -> list[str]:
    named = _named(gateway, caller, request)
    if named is not None:
        return [named]
    known = {caller.tenant, *await gateway.audit.chains()}
    return [
        each
        for each in sorted(known)
        if isinstance(decide(caller, "audit.read", Resource(each)), Allowed)
    ]


def _matches(record: Record, wanted: dict[str, str]) -> bool:
    return all(getattr(record, name) == value for name, value in wanted.items())


def _kinds(text: str) -> list[str]:
    if text and text not in KINDS:
        raise InvalidRequest(f"kind: {text!r} is none: there are {', '.join(KINDS)}")
    return [text] if text else []


def _since(text: str) -> str:
    if not text:
        return ""
    try:
        return moment(to_seconds(text))
    except ValueError:  # also where it is of no year in UTC
        raise InvalidRequest(f"since: {text[:80]!r} is not an RFC 3339 timestamp") from None


def _cursor(text: str) -> Cursor:
    if not text:
        return _NEWEST
    try:
        time, tenant, number = msgspec.json.decode(text, type=Cursor)
    except msgspec.DecodeError:
        number = -1
    if not 0 <= number <= _LAST:
        raise InvalidRequest("before: it is not the `next` of an earlier answer")
    return time, tenant, number


def _head(tenant: str, text: str) -> Head:
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(number) > 15 or len(digest) != 64:
        raise InvalidRequest(f"head: {text[:100]!r} is not NUMBER:HASH, as verify says it")
    return Head(tenant, int(number), digest)


def _answer(value: object) -> Response:
    return Response.json(_encode(value))


_encode = msgspec.json.encode
