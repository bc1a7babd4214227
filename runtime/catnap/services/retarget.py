"""Changes to a Service's traffic, as somebody at a keyboard asks for them.

Pure: what there is and what is asked for in, targets out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from catnap.errors import InvalidRequest, NotFound
from catnap.services.snapshot import Service
from catnap.services.traffic import Target, check_tag

NEWEST = ("latest", "@latest")
"""Whichever revision is the newest, now and later."""


def resolve(service: Service, asked: str) -> str:
    """The revision that is meant by its name, its number or a tag; empty for
    the newest, whichever that is. Raises NotFound."""
    if asked in NEWEST:
        return ""
    names = [each.name for each in service.revisions]
    if asked in names:
        return asked
    if asked.isascii() and asked.isdigit():
        numbered = f"{service.name}-{asked.lstrip('0').zfill(5)}"
        if numbered in names:
            return numbered
    for target in service.traffic:
        if asked and target.tag == asked:
            return target.revision_name
    raise NotFound(
        f"{service.name!r} has no revision {asked!r}: there are {', '.join(sorted(names))}, "
        "'latest', and its tags"
    )


def retarget(
    service: Service,
    to: Mapping[str, int],
    tags: Mapping[str, str],
    untag: Iterable[str] = (),
) -> tuple[Target, ...]:
    """Targets with these percentages by revision, or with those that there are
    where `to` is empty; and with these revisions by tag besides the other tags.

    Raises NotFound for a revision or a tag that there is not, and
    InvalidRequest where a revision is given two percentages, where they are
    not 100 together, and for what cannot be a tag or would hide behind a
    revision of that name.
    """
    percents: dict[str, int] = {}
    for asked, percent in to.items():
        name = resolve(service, asked)
        if name in percents:
            raise InvalidRequest(f"{asked!r} is given a percentage twice")
        percents[name] = percent
    if to and sum(to.values()) != 100:
        raise InvalidRequest(f"percentages sum to {sum(to.values())}, want 100")
    if not to:
        for target in service.traffic:
            percents[target.revision_name] = percents.get(target.revision_name, 0) + target.percent
    wanted = {each.tag: each.revision_name for each in service.traffic if each.tag}
    for tag in untag:
        if wanted.pop(tag, None) is None:
            there = ", ".join(sorted(wanted)) or "none"
            raise NotFound(f"{service.name!r} has no tag {tag!r}: there are {there}")
    for tag, asked in tags.items():
        check_tag(tag)
        if tag in NEWEST or any(tag == each.name for each in service.revisions):
            raise InvalidRequest(f"tag {tag!r} means a revision already: choose another name")
        wanted[tag] = resolve(service, asked)
    plain = [_target(name, percent) for name, percent in percents.items() if percent]
    return (*plain, *(_target(name, 0, tag) for tag, name in wanted.items()))


def previous(service: Service) -> str:
    """What to go back to from the newest revision that serves now: the older
    one with the largest share, else the newest older one that has served.
    Raises NotFound where there is none."""
    newest = next((at for at, each in enumerate(service.revisions) if each.percent), -1)
    older = service.revisions[newest + 1 :]
    serving = max(older, key=lambda each: each.percent, default=None)
    if serving is not None and serving.percent:
        return serving.name
    for each in older:
        if each.served:
            return each.name
    raise NotFound(f"no revision of {service.name!r} has served before: nothing to go back to")


def _target(name: str, percent: int, tag: str = "") -> Target:
    return Target(revision_name=name, latest_revision=not name, percent=percent, tag=tag)
