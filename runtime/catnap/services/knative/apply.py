"""Bringing a cluster's objects to what they should be, touching only what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from catnap.errors import CatnapError, DeadlineExceeded, NotFound, Unavailable
from catnap.services.knative.api import Api, Object
from catnap.services.knative.diff import Change, changes

_AT_ONCE = 8
"""Requests: an API server bounds what one user may ask at a time."""

_FIRST = ("Namespace",)
_LAST = ("Deployment", "Service", "Broker", "Trigger")
"""What runs, after what it needs: rights, settings, volumes, bounds."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An object, and what an apply of it does. live: as it is; None where it
    is not there yet. unchecked: the server has not validated it, since its
    namespace is not there yet. refused: what the server has against it."""

    object: Object
    live: Object | None = None
    changes: tuple[Change, ...] = ()
    unchecked: bool = False
    refused: CatnapError | None = None

    @property
    def verdict(self) -> Literal["create", "change", "unchanged", "refused"]:
        if self.refused:
            return "refused"
        if self.live is None:
            return "create"
        return "change" if self.changes else "unchanged"

    @property
    def title(self) -> str:
        return title(self.object)


def title(obj: Mapping[str, Any]) -> str:
    """As `Service.serving.knative.dev catnap-default/echo`."""
    group, slash, _ = obj["apiVersion"].partition("/")
    meta = obj["metadata"]
    place = "/".join(filter(None, (meta.get("namespace"), meta["name"])))
    return f"{obj['kind']}{'.' + group if slash and '.' in group else ''} {place}"


async def plan(api: Api, objects: Iterable[Object]) -> list[Planned]:
    """What an apply of each would change, by a dry run of the server's.

    Raises what keeps the server from being asked; what it has against one
    object is said of that object.
    """
    bounded = asyncio.Semaphore(_AT_ONCE)

    async def one(obj: Object) -> Planned:
        async with bounded:
            return await _plan(api, obj)

    return list(await asyncio.gather(*map(one, objects)))


async def _plan(api: Api, obj: Object) -> Planned:
    try:
        path = await api.path_of(obj)
    except NotFound as error:
        return Planned(obj, refused=error)
    try:
        live = await api.get(path)
    except NotFound:
        live = None
    try:
        wanted = await api.apply(obj, dry_run=True)
    except NotFound as error:
        if live is None and "namespace" in obj["metadata"] and _no_namespace(error, obj):
            return Planned(obj, unchecked=True)
        return Planned(obj, live, refused=error)
    except (Unavailable, DeadlineExceeded):
        raise
    except CatnapError as error:
        return Planned(obj, live, refused=error)
    return Planned(obj, live, changes(live, wanted) if live is not None else ())


def _no_namespace(error: NotFound, obj: Mapping[str, Any]) -> bool:
    return f'namespaces "{obj["metadata"]["namespace"]}" not found' in error.message


def waves(planned: Sequence[Planned]) -> list[list[Planned]]:
    """What has to be applied, in groups of which each may need the ones before."""
    found: dict[int, list[Planned]] = {}
    for each in planned:
        if each.verdict in ("create", "change"):
            kind = each.object["kind"]
            found.setdefault(0 if kind in _FIRST else 2 if kind in _LAST else 1, []).append(each)
    return [found[rank] for rank in sorted(found)]


async def apply(api: Api, planned: Sequence[Planned]) -> list[tuple[Planned, CatnapError | None]]:
    """Applies what differs; gives what each of it came to."""
    bounded = asyncio.Semaphore(_AT_ONCE)

    async def one(each: Planned) -> tuple[Planned, CatnapError | None]:
        async with bounded:
            try:
                await api.apply(each.object)
            except CatnapError as error:
                return each, error
            return each, None

    done: list[tuple[Planned, CatnapError | None]] = []
    for wave in waves(planned):
        done += await asyncio.gather(*map(one, wave))
    return done
