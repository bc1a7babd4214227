"""The audit: who changed what, and who was turned away; kept in chains.

Each tenant has a chain of its own, and the platform one for those who were
not known. So a tenant's administrator can check and take along the whole of
it without a line of anybody else's, and of several gateways two wait for one
another over one tenant only.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec

from catnap.access import audit_cut_rows as cuts
from catnap.access import audit_rows as rows
from catnap.access.audit_chain import Chain, Verdict
from catnap.access.audit_heads import Anchors, Cut, Head, Signer
from catnap.access.audit_record import Entry, gathered
from catnap.errors import CatnapError, InvalidRequest, Unavailable
from catnap.store import Database, Store

PAGE = 500
"""Records that are read or written at once: other work of the store waits."""

MOST = 50_000
"""Entries that may wait for a store that takes none; of more, only the number
is kept."""

GATHER = 0.05
"""Seconds for which entries that nobody waits for are gathered."""

AGAIN = 1.0
"""Seconds until a store is asked again that took none."""

_log = logging.getLogger(__name__)


class Audit:
    """Takes entries at once and writes them together, off the way of calls.

    folder: where heads are kept beside the store. key: what signs them, the
    same for all gateways of an installation.
    """

    def __init__(self, store: Store, folder: Path, key: bytes) -> None:
        self._store = store
        self._signer = Signer(key)
        self._anchors = Anchors(folder)
        self._known: dict[str, Head | None] = {}
        """What each anchor's file says."""
        self._waiting: list[Entry] = []
        self._lost = 0
        self._writing: asyncio.Task[None] | None = None
        self._one = asyncio.Lock()
        self._told: set[str] = set()

    def later(self, entry: Entry) -> None:
        """Writes it with one of the next commits. A crash before may lose it."""
        if len(self._waiting) >= MOST:
            self._lost += 1
            return
        self._waiting.append(entry)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def write(self, entry: Entry) -> None:
        """Returns when it is on disk. Raises Unavailable where it cannot be."""
        async with self._one:
            await self._append([entry])

    async def flush(self) -> None:
        """Returns when all that was taken is on disk. Raises Unavailable where
        it cannot be; then it is kept for another time."""
        async with self._one:
            while self._waiting:
                batch = self._waiting[:PAGE]
                taken, lost = len(batch), self._lost
                if lost:
                    text = f"{lost:,} records could not be kept: the store took none"
                    time = batch[0].time
                    batch.append(
                        Entry(tenant="", time=time, kind="denial", outcome="lost", detail=text)
                    )
                await self._append(batch)
                del self._waiting[:taken]  # more may have come meanwhile
                self._lost -= lost

    async def close(self) -> None:
        """Writes what waits, as far as the store takes it."""
        try:
            await self.flush()
        except CatnapError as error:
            _log.error("%d records of the audit are lost: %s", len(self._waiting), error.message)
        if self._writing is not None:
            self._writing.cancel()

    async def verify(self, tenant: str, kept: Head | None = None) -> Verdict:
        """Whether a tenant's chain is whole. kept: a record that somebody wrote
        down elsewhere, which it has to hold."""
        anchors = [each for each in (self._anchors.read(tenant), kept) if each is not None]
        chain = Chain(tenant, anchors)
        while True:
            page = await self._page(tenant, chain.number)
            if page.cut is not None and page.cut.number > chain.number:
                chain = Chain(tenant, anchors, page.cut)  # it was cut meanwhile, or before
                chain.check_cut(self._signer)
                _check_kept(kept, page.cut)
                page = await self._page(tenant, chain.number)
            if not all(chain.take(each.link, each.time, each.kind) for each in page.rows):
                break
            if len(page.rows) < PAGE:
                chain.check_head(page.head, self._signer)
                break
        return chain.verdict()

    async def export(self, tenant: str) -> AsyncIterator[bytes]:
        """A tenant's whole chain as JSON lines: what it was cut behind, each
        record with its hash, and the signed head at the end. Raises Unavailable
        where it is cut meanwhile."""
        page = await self._page(tenant, 0)
        number = 0
        if page.cut is not None:
            yield b'{"cut":%b}\n' % msgspec.json.encode(page.cut)
            number = page.cut.number
        while True:
            for each in page.rows:
                link = each.link
                yield b'{"hash":"%b","record":%b}\n' % (link.hash.encode(), link.record)
                number = link.number
            if len(page.rows) < PAGE:
                if page.head is not None:
                    yield b'{"head":%b}\n' % msgspec.json.encode(page.head)
                return
            page = await self._page(tenant, number)
            if page.cut is not None and page.cut.number > number:
                raise Unavailable("the chain was cut meanwhile: export it again", retry_after=1)

    async def cut(self, tenant: str, before: str, now: str) -> int:
        """Cuts what is older off a chain that is whole: how many records. What
        is left begins behind a signed note of the last, and has a record that
        says so. before, now: as records say times. Raises Unavailable where it is
        not whole: it stays as it is."""
        signer = self._signer
        async with self._one:
            anchor = self._anchor(tenant)
            begun = await self._store.run(
                lambda db: cuts.begin(db, tenant, before, now, anchor, signer)
            )
            if begun is None:
                return 0
            self._anchor_at(begun.head)
        removed = step = begun.removed
        while step:
            step = await self._store.run(lambda db: cuts.step(db, tenant, begun.upto, signer))
            removed += step
        return removed

    async def newest(
        self,
        tenants: Sequence[str] | None,
        kinds: Sequence[str],
        since: str,
        before: rows.Cursor,
    ) -> list[rows.Row]:
        """A page of records of these chains, or of all, the newest first."""
        return await self._store.run(
            lambda db: rows.newest(db, tenants, kinds, since, before, PAGE)
        )

    async def chains(self) -> list[str]:
        return await self._store.run(rows.chains)

    async def _page(self, tenant: str, number: int) -> rows.Page:
        return await self._store.run(lambda db: rows.after(db, tenant, number, PAGE))

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER)
            try:
                await self.flush()
            except CatnapError as error:
                _log.warning("the audit waits: %s", error.message)
                await asyncio.sleep(AGAIN)
            except Exception:
                _log.exception("the audit could not be written")
                await asyncio.sleep(AGAIN)
        self._writing = None

    async def _append(self, entries: Sequence[Entry]) -> None:
        of: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in gathered(entries):
            of[entry.tenant].append(entry)
        anchors = {tenant: self._anchor(tenant) for tenant in of}

        def work(db: Database) -> list[Head]:
            # In order, so that two gateways never wait for each other.
            return [
                rows.append(db, tenant, of[tenant], anchors[tenant], self._signer)
                for tenant in sorted(of)
            ]

        for head in await self._store.run(work):
            if head.signature:
                self._anchor_at(head)
            elif head.tenant not in self._told:
                self._told.add(head.tenant)
                _log.error("the audit of tenant %r was changed: see audit verify", head.tenant)

    def _anchor_at(self, head: Head) -> None:
        try:
            self._anchors.write(head)
        except OSError as error:  # the older one is good, too
            _log.error("the head of the audit cannot be written: %s", error)
        else:
            self._known[head.tenant] = head

    def _anchor(self, tenant: str) -> Head | None:
        if tenant not in self._known:
            self._known[tenant] = self._anchors.read(tenant)
        return self._known[tenant]


def _check_kept(kept: Head | None, cut: Cut) -> None:
    if kept is not None and kept.number < cut.number:
        raise InvalidRequest(
            f"head: record {kept.number} was cut off with those until {cut.until}: check it "
            "against what was exported before, or give a later one"
        )
