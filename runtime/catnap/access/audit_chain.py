"""Is a chain whole? Pure: records in, and the first that is wrong out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from catnap.access.audit_heads import Cut, Head, Signer
from catnap.access.audit_record import FIRST, Link, digest


class Verdict(msgspec.Struct, frozen=True):
    """records: those that were found good. broken: the number of the first that
    is not, and problem says why; 0 and empty where the chain is whole. head: its
    last record's hash, to be kept elsewhere. cut: how many were cut off before
    them because they were old enough, and until: the time of the last of those."""

    tenant: str
    records: int
    head: str = FIRST
    broken: int = 0
    problem: str = ""
    cut: int = 0
    until: str = ""

    @property
    def number(self) -> int:
        """Of the last record that was found good."""
        return self.cut + self.records


class Chain:
    """Takes the links of one chain in their order."""

    def __init__(self, tenant: str, anchors: Iterable[Head] = (), cut: Cut | None = None) -> None:
        """anchors: records that it has to hold. cut: what it begins behind; see
        check_cut."""
        self.tenant = tenant
        self.cut = cut or Cut(tenant, 0, FIRST, "")
        self.number = self.cut.number
        self.hash = self.cut.hash
        self._anchors: defaultdict[int, set[str]] = defaultdict(set)
        self._broken: tuple[int, str] | None = None
        for anchor in anchors:
            if anchor.number == self.number and anchor.hash != self.hash:
                self._broken = (self.number, "it was replaced before it was cut off")
            elif not 0 <= anchor.number <= self.number:
                self._anchors[anchor.number].add(anchor.hash)

    def take(self, link: Link, time: str = "", kind: str = "") -> bool:
        """Whether all was good so far. time, kind: as the database finds it by."""
        if self._broken is None:
            problem = self._problem(link, time, kind)
            if problem:
                self._broken = (self.number + 1, problem)
            else:
                self.number, self.hash = link.number, link.hash
                self._anchors.pop(link.number, None)
        return self._broken is None

    def _problem(self, link: Link, time: str, kind: str) -> str:
        if link.number != self.number + 1:
            return f"it is missing: record {link.number} comes after {self.number}"
        if digest(link.record) != link.hash:
            return "it was changed: its hash is another"
        try:
            record = link.read()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return f"it is no record: {error}"
        if (record.number, record.tenant) != (link.number, self.tenant):
            return f"it is another one: number {record.number} of tenant {record.tenant!r}"
        if record.previous != self.hash:
            return "it does not follow the one before it: that was replaced"
        if (time or record.time, kind or record.kind) != (record.time, record.kind):
            return "its row was changed: time and kind are not the record's"
        if self._anchors.get(link.number, set()) - {link.hash}:
            return "it was replaced: another one was written down for its number"
        return ""

    def verdict(self) -> Verdict:
        """At the end of the links."""
        broken = self._broken
        if broken is None and self._anchors:
            last = max(self._anchors)
            if last < 0:
                broken = (self.number + 1, "the file of the chain's head cannot be read")
            else:
                broken = (self.number + 1, f"the end was cut off: there was a record {last}")
        number, problem = broken or (0, "")
        cut, until = self.cut.number, self.cut.until
        return Verdict(
            self.tenant, self.number - cut, self.hash, number, problem, cut=cut, until=until
        )

    def check_cut(self, signer: Signer) -> None:
        """What is missing at the beginning has to have been cut off with the key."""
        if self.cut.number and not signer.good(self.cut) and self._broken is None:
            self._broken = (self.cut.number, "it was not this gateway that cut off the beginning")

    def check_head(self, head: Head | None, signer: Signer) -> None:
        """The signed head has to be that of the last link."""
        if self._broken is not None or (head is None and self.number == 0):
            return
        after = self.number + 1
        if head is None:
            self._broken = (after, "the signed head is gone")
        elif not head.signature and head.number == self.number:
            self._broken = (after, "the chain was found broken when it was last written")
        elif head.number > 0 and not signer.good(head):
            self._broken = (after, "the head's signature is wrong: it was changed, or the key was")
        elif head.number > self.number:
            self._broken = (after, f"the end was cut off: there were {head.number} records")
        elif (head.number, head.hash) != (self.number, self.hash):
            self._broken = (after, f"the signed head is that of record {head.number}")
