"""What is known of one service: its revisions, and where its traffic goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import msgspec

from catnap.services import choice, traffic
from catnap.services.history import too_many
from catnap.services.revision import Revision, digest_of, revision_of
from catnap.services.traffic import LATEST, Target


class Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
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

    @property
    def image(self) -> str:
        image: str = self.service["spec"]["template"]["spec"]["containers"][0]["image"]
        return image

    @cached_property
    def revision(self) -> Revision:
        return revision_of(self.service, self.number)


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of one service. revisions: the oldest first. gone: it was
    deleted, and its last revision's number is all that is left."""

    revisions: tuple[Kept, ...] = ()
    traffic: tuple[Target, ...] = LATEST
    gone: bool = False

    @property
    def latest(self) -> Kept:
        return self.revisions[-1]

    @property
    def named(self) -> dict[str, Kept]:
        return {each.name: each for each in self.revisions}

    @property
    def main(self) -> Kept:
        """The revision that most calls go to."""
        return self.named[choice.main(traffic.shares(self.traffic, self.latest.name))]

    def applied(self, service: Mapping[str, Any], now: float) -> Entry:
        """With the revision that a Service object asks for as the newest. The
        template of the newest makes none; what the object does not say of its
        traffic stays as it is."""
        wanted = traffic.read(service) or self.traffic
        digest = digest_of(service)
        entry = msgspec.structs.replace(self, traffic=wanted, gone=False)
        if self.revisions and self.latest.digest == digest:
            return entry
        kept = Kept(
            number=self.latest.number + 1 if self.revisions else 1,
            digest=digest,
            service=_template(service),
            created=now,
        )
        older = () if self.gone else self.revisions
        return msgspec.structs.replace(entry, revisions=(*older, kept))

    def routed(self, targets: Iterable[Target]) -> Entry:
        """With its traffic going there. Raises InvalidRequest as `settled`."""
        return msgspec.structs.replace(self, traffic=tuple(targets)).settled()

    def settled(self) -> Entry:
        """With those marked that have a share, and without those that are too
        many. Raises InvalidRequest where traffic goes to a revision that there
        is not."""
        traffic.check(self.traffic, self.named)
        shares = traffic.shares(self.traffic, self.latest.name)
        having = {each.revision for each in shares if each.percent}
        wanted = {each.revision for each in shares} | {self.latest.name}
        gone = too_many(
            (each.name, each.served) for each in self.revisions if each.name not in wanted
        )
        revisions = tuple(
            msgspec.structs.replace(each, served=True)
            if each.name in having and not each.served
            else each
            for each in self.revisions
            if each.name not in gone
        )
        return msgspec.structs.replace(self, revisions=revisions)

    def deleted(self) -> Entry:
        """Only the newest, so that no name is ever given twice."""
        return Entry(revisions=(msgspec.structs.replace(self.latest, served=False),), gone=True)


def _template(service: Mapping[str, Any]) -> dict[str, Any]:
    """As much of a Service object as makes a revision."""
    meta = service["metadata"]
    return {
        "apiVersion": service["apiVersion"],
        "kind": service["kind"],
        "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
        "spec": {"template": service["spec"]["template"]},
    }
