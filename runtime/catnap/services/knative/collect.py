"""Old revisions, of which a deploy leaves one each time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from catnap.errors import NotFound
from catnap.services.knative.api import Api
from catnap.services.knative.reasons import condition

KEPT = 3
"""Newest good revisions of a skill that stay, so that traffic can go back to one."""

_GENERATION = "serving.knative.dev/configurationGeneration"


def outdated(
    service: Mapping[str, Any], revisions: Iterable[Mapping[str, Any]], kept: int = KEPT
) -> list[str]:
    """Names of the revisions that nothing needs, oldest first. Pure.

    Those without traffic that are older than the newest, and of these the ones
    that were never ready, or that are not among the newest few that were.
    revisions: the service's own.
    """
    status = service.get("status") or {}
    traffic = (*(service["spec"].get("traffic") or ()), *(status.get("traffic") or ()))
    needed = {each.get("revisionName") for each in traffic}
    needed |= {status.get("latestReadyRevisionName"), status.get("latestCreatedRevisionName")}
    by_age = sorted(revisions, key=_generation)
    good = [_name(each) for each in by_age if _is_ready(each)]
    needed.update(good[-kept:])
    return [name for each in by_age if (name := _name(each)) not in needed]


def _name(revision: Mapping[str, Any]) -> str:
    name: str = revision["metadata"]["name"]
    return name


def _is_ready(revision: Mapping[str, Any]) -> bool:
    return condition(revision.get("status") or {}, "Ready").get("status") == "True"


def _generation(revision: Mapping[str, Any]) -> int:
    return int(revision["metadata"].get("labels", {}).get(_GENERATION, "0"))


async def remove(api: Api, namespace: str, names: Iterable[str]) -> None:
    place = await api.path_of_kind("serving.knative.dev/v1", "Revision", namespace)
    for name in names:
        with suppress(NotFound):
            await api.delete(f"{place}/{name}")
