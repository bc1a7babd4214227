"""Old revisions, of which a deploy leaves one each time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from catnap.errors import NotFound
from catnap.services.knative.api import Api

KEPT = 3
"""Newest revisions of a skill that stay, so that traffic can go back to one."""

_GENERATION = "serving.knative.dev/configurationGeneration"


def outdated(
    service: Mapping[str, Any], revisions: Iterable[Mapping[str, Any]], kept: int = KEPT
) -> list[str]:
    """Names of the revisions that nothing needs, oldest first. Pure.

    revisions: the service's own.
    """
    status = service.get("status") or {}
    wanted = (*(service["spec"].get("traffic") or ()), *(status.get("traffic") or ()))
    needed = {each.get("revisionName") for each in wanted}
    needed |= {status.get("latestReadyRevisionName"), status.get("latestCreatedRevisionName")}
    by_age = sorted(revisions, key=_generation)
    names = [each["metadata"]["name"] for each in by_age[: max(0, len(by_age) - kept)]]
    return [name for name in names if name not in needed]


def _generation(revision: Mapping[str, Any]) -> int:
    return int(revision["metadata"].get("labels", {}).get(_GENERATION, "0"))


async def remove(api: Api, namespace: str, names: Iterable[str]) -> None:
    place = await api.path_of_kind("serving.knative.dev/v1", "Revision", namespace)
    for name in names:
        with suppress(NotFound):
            await api.delete(f"{place}/{name}")
