"""Old revisions, of which a deploy leaves one each time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from catnap.errors import NotFound
from catnap.services.history import too_many
from catnap.services.knative.api import Api
from catnap.services.knative.reasons import condition

_GENERATION = "serving.knative.dev/configurationGeneration"


def outdated(service: Mapping[str, Any], revisions: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the revisions that go, oldest first. Pure.

    Of those that have neither traffic nor a tag, the ones that are not ready,
    and that the newest has come after, can serve nobody; the others go by the
    rule of all. revisions: the service's own.
    """
    status = service.get("status") or {}
    traffic = (*(service["spec"].get("traffic") or ()), *(status.get("traffic") or ()))
    needed = {each.get("revisionName") for each in traffic}
    needed |= {status.get("latestReadyRevisionName"), status.get("latestCreatedRevisionName")}
    spare = [each for each in sorted(revisions, key=_generation) if _name(each) not in needed]
    good = too_many((_name(each), True) for each in spare if _is_ready(each))
    return [_name(each) for each in spare if not _is_ready(each) or _name(each) in good]


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
