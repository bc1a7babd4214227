"""The revisions of every service and where its traffic goes, kept in files: a
name always means the same template, also after a restart."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from catnap.services import traffic
from catnap.services.revision import Revision, digest_of, revision_of
from catnap.services.traffic import LATEST, Target

KEPT = 10
"""Revisions that no traffic names, and that can be gone back to."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One revision. service: the object that asked for it. created: seconds
    since the epoch. served: it has had a share of the traffic."""

    number: int
    digest: str
    service: dict[str, Any]
    created: float
    served: bool = False

    @property
    def name(self) -> str:
        return f"{self.service['metadata']['name']}-{self.number:05}"

    def revision(self) -> Revision:
        return revision_of(self.service, self.number)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one service. revisions: the oldest first."""

    revisions: tuple[Kept, ...] = ()
    traffic: tuple[Target, ...] = LATEST

    @property
    def latest(self) -> Kept:
        return self.revisions[-1]

    @property
    def named(self) -> dict[str, Kept]:
        return {each.name: each for each in self.revisions}

    def applied(self, service: Mapping[str, Any], now: float) -> Entry:
        """With the revision that a Service object asks for as the newest. The
        template of the newest makes none; what the object does not say of its
        traffic stays as it is."""
        wanted = traffic.read(service) or self.traffic
        digest = digest_of(service)
        entry = msgspec.structs.replace(self, traffic=wanted)
        if self.revisions and self.latest.digest == digest:
            return entry
        kept = Kept(
            number=self.latest.number + 1 if self.revisions else 1,
            digest=digest,
            service=_template(service),
            created=now,
        )
        return msgspec.structs.replace(entry, revisions=(*self.revisions, kept))

    def settled(self) -> Entry:
        """With those marked that have a share, and without those that are too
        old. Raises InvalidRequest where traffic goes to a revision that there
        is not."""
        traffic.check(self.traffic, self.named)
        shares = traffic.shares(self.traffic, self.latest.name)
        having = {each.revision for each in shares if each.percent}
        wanted = {each.revision for each in shares} | {self.latest.name}
        spare = [each.name for each in self.revisions if each.name not in wanted]
        gone = set(spare[: max(0, len(spare) - KEPT)])
        revisions = tuple(
            msgspec.structs.replace(each, served=each.served or each.name in having)
            for each in self.revisions
            if each.name not in gone
        )
        return msgspec.structs.replace(self, revisions=revisions)

    def deleted(self) -> Entry:
        """Only the newest, so that no name is ever given twice."""
        return Entry(revisions=(msgspec.structs.replace(self.latest, served=False),))


class Ledger:
    """folder: where each service has a file; None for what is forgotten."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._known: dict[tuple[str, str], Entry] = {}
        for path in folder.glob("*/*.json") if folder is not None else ():
            with contextlib.suppress(msgspec.DecodeError, IndexError, KeyError):
                entry = msgspec.json.decode(path.read_bytes(), type=Entry)
                meta = entry.latest.service["metadata"]
                self._known[meta["namespace"], meta["name"]] = entry

    def get(self, namespace: str, service: str) -> Entry:
        return self._known.get((namespace, service)) or Entry()

    def keep(self, namespace: str, service: str, entry: Entry) -> None:
        if self._known.get((namespace, service)) == entry:
            return
        self._known[namespace, service] = entry
        if self._folder is not None:
            path = self._folder / quote(namespace, "") / f"{service}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch = path.with_suffix(".new")
            scratch.write_bytes(msgspec.json.encode(entry))
            scratch.replace(path)

    def images(self) -> set[str]:
        """What the revisions that are kept run from."""
        return {
            kept.service["spec"]["template"]["spec"]["containers"][0]["image"]
            for entry in self._known.values()
            for kept in entry.revisions
        }


def _template(service: Mapping[str, Any]) -> dict[str, Any]:
    """As much of a Service object as makes a revision."""
    meta = service["metadata"]
    return {
        "apiVersion": service["apiVersion"],
        "kind": service["kind"],
        "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
        "spec": {"template": service["spec"]["template"]},
    }
