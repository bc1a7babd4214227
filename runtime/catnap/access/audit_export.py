"""An exported chain, checked by itself: without the gateway, and without its key."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from catnap.access.audit_chain import Chain, Verdict
from catnap.access.audit_heads import Cut, Head
from catnap.access.audit_record import Link, Record
from catnap.errors import InvalidRequest


class _Line(msgspec.Struct):
    """One line of an export: a record with its hash, or an end of the chain."""

    hash: str = ""
    record: msgspec.Raw = msgspec.Raw(b"")
    head: Head | None = None
    cut: Cut | None = None


_line = msgspec.json.Decoder(_Line)
_record = msgspec.json.Decoder(Record)


def check(lines: Iterable[bytes]) -> Verdict:
    """lines: of one export. What was cut off its end with the head shows only
    beside a head kept elsewhere, and whether its beginning was cut off with the
    key only at the gateway. Raises InvalidRequest where it is none."""
    chain: Chain | None = None
    head: Head | None = None
    for number, text in enumerate(lines, 1):
        try:
            line = _line.decode(text)
            if line.head is not None:
                head = line.head
                continue
            if line.cut is not None:
                if chain is not None:
                    raise InvalidRequest(f"line {number} is not of an export: a cut comes first")
                chain = Chain(line.cut.tenant, cut=line.cut)
                continue
            record = _record.decode(line.record)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"line {number} is not of an export: {error}") from None
        if chain is None:
            chain = Chain(record.tenant)
        chain.take(Link(record.number, line.hash, bytes(line.record)))
    chain = chain or Chain(head.tenant if head else "")
    verdict = chain.verdict()
    if verdict.problem:
        return verdict
    if head is None or (head.number, head.hash) != (chain.number, chain.hash):
        why = "its head is not there" if head is None else f"the head is that of {head.number}"
        problem = f"the end was cut off, or the export: {why}"
        return msgspec.structs.replace(verdict, broken=chain.number + 1, problem=problem)
    return verdict
