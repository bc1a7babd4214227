"""A Service's `spec.traffic`: read by Knative's rules, and written.

Pure. Source of the rules and of their words: Knative Serving,
pkg/apis/serving/v1/route_validation.go.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from catnap.errors import InvalidRequest, NotFound
from catnap.services.choice import Share

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?\Z")
_MOST = 63


class Target(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One entry. revision_name: empty for the newest, whichever that is.
    percent: of the calls that name no tag."""

    revision_name: str = ""
    latest_revision: bool = False
    percent: int = 0
    tag: str = ""


LATEST = (Target(latest_revision=True, percent=100),)
"""All to the newest: what a Service that says nothing asks for."""


def read(service: Mapping[str, Any]) -> tuple[Target, ...] | None:
    """What a Service object says of its traffic; None where it says nothing.
    Raises InvalidRequest as `parse` does."""
    entries = service["spec"].get("traffic")
    return parse(entries) if entries else None


def parse(entries: object) -> tuple[Target, ...]:
    """Raises InvalidRequest with what Knative would say of it."""
    if not isinstance(entries, list):
        raise InvalidRequest("spec.traffic: expected a list of targets")
    targets = tuple(_target(entry, f"spec.traffic[{at}]") for at, entry in enumerate(entries))
    tags: dict[str, int] = {}
    for at, target in enumerate(targets):
        if not target.tag:
            continue
        if target.tag in tags:
            raise InvalidRequest(
                f'Multiple definitions for "{target.tag}": '
                f"spec.traffic[{at}].tag, spec.traffic[{tags[target.tag]}].tag"
            )
        tags[target.tag] = at
    total = sum(target.percent for target in targets)
    if total != 100:
        raise InvalidRequest(f"Traffic targets sum to {total}, want 100: spec.traffic")
    return targets


def _target(entry: object, place: str) -> Target:
    known = {"revisionName", "latestRevision", "percent", "tag"}
    if isinstance(entry, Mapping):
        for name in sorted(entry.keys() - known):
            raise InvalidRequest(f"{place}.{name} is not supported: use {', '.join(sorted(known))}")
    try:
        target = msgspec.convert(entry, Target)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{place}: {error}") from None
    pinned, latest = bool(target.revision_name), target.latest_revision
    if isinstance(entry, Mapping) and "latestRevision" in entry and pinned == latest:
        raise InvalidRequest(
            f'may not set revisionName "{target.revision_name}" when latestRevision is '
            f"{str(latest).lower()}: {place}.latestRevision"
        )
    if not 0 <= target.percent <= 100:
        raise InvalidRequest(f"expected 0 <= {target.percent} <= 100: {place}.percent")
    if target.tag:
        try:
            check_tag(target.tag)
        except InvalidRequest as error:
            raise InvalidRequest(f"{error.message}: {place}.tag") from None
    return msgspec.structs.replace(target, latest_revision=not pinned)


def check_tag(tag: str) -> None:
    """Raises InvalidRequest for what cannot be one: it begins a host's name."""
    if not (_LABEL.match(tag) and len(tag) <= _MOST):
        raise InvalidRequest(
            f"tag {tag!r} is not a DNS 1035 label, which has at most {_MOST} lower-case letters, "
            "digits and '-', begins with a letter and does not end with '-'"
        )


def write(targets: Iterable[Target]) -> list[dict[str, Any]]:
    """As a Service object has them."""
    found: list[dict[str, Any]] = msgspec.to_builtins(list(targets))
    return found


def version(targets: Iterable[Target]) -> str:
    """A short word for just this traffic, to notice whether it has changed."""
    return hashlib.sha256(msgspec.json.encode(write(targets))).hexdigest()[:16]


def check(targets: Iterable[Target], known: Collection[str]) -> None:
    """Raises InvalidRequest where a revision is named that there is not."""
    for target in targets:
        if target.revision_name and target.revision_name not in known:
            raise InvalidRequest(
                f'Revision "{target.revision_name}" referenced in traffic not found: there are '
                f"{', '.join(sorted(known))}"
            )


def shares(targets: Iterable[Target], latest: str) -> tuple[Share, ...]:
    """Every revision that is named, in that order, with all that it gets;
    0 where only a tag leads to it."""
    found: dict[str, int] = {}
    for target in targets:
        name = target.revision_name or latest
        found[name] = found.get(name, 0) + target.percent
    return tuple(Share(name, percent) for name, percent in found.items())


def tags(targets: Iterable[Target], latest: str) -> dict[str, str]:
    """Revision by tag."""
    return {each.tag: each.revision_name or latest for each in targets if each.tag}


def tagged(targets: Iterable[Target], latest: str, tag: str, service: str) -> str:
    """Raises NotFound, with the tags that there are."""
    known = tags(targets, latest)
    if tag not in known:
        there = f"there are {', '.join(sorted(known))}" if known else "it has none"
        raise NotFound(f"no revision of {service!r} is tagged {tag!r}: {there}")
    return known[tag]
