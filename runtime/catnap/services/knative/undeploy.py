"""Taking skills, or a whole installation, off a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from catnap.errors import DeadlineExceeded, NotFound
from catnap.services.cluster.names import INSTALL, namespace_of, waker_of
from catnap.services.knative.api import Api
from catnap.services.knative.apply import title
from catnap.services.knative.watch import Snapshot, watch

_SKILL = ("serving.knative.dev/v1", "Service")
_TRIGGER = ("eventing.knative.dev/v1", "Trigger")
_RBAC = "rbac.authorization.k8s.io/v1"
_OF_THE_CLUSTER = (
    ("v1", "Namespace"),
    (_RBAC, "ClusterRoleBinding"),
    (_RBAC, "ClusterRole"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """An object to be deleted."""

    title: str
    name: str
    path: str


async def skills(
    api: Api, install: str, tenants: Sequence[str], names: Sequence[str]
) -> list[Target]:
    """Services of these skills, and their Triggers. Only what carries the
    installation's label is found.

    Raises NotFound for a skill that no tenant has.
    """
    found = []
    for tenant in tenants:
        namespace = namespace_of(tenant, install)
        services = await _ours(api, *_SKILL, install, namespace)
        found += [each for each in services if each.name in names]
        found += await triggers(api, install, namespace, names)
    missing = [name for name in names if name not in {each.name for each in found}]
    if missing:
        raise NotFound(
            f"skill {missing[0]!r} is not deployed for {', '.join(tenants)} by the "
            f"installation {install!r}"
        )
    return found


async def triggers(api: Api, install: str, namespace: str, names: Sequence[str]) -> list[Target]:
    """The Triggers of these skills in one namespace."""
    found = await _ours(api, *_TRIGGER, install, namespace)
    # Named `<skill>.<trigger>`, and neither has a dot of its own.
    return [each for each in found if each.name.partition(".")[0] in names]


async def whole(api: Api, install: str) -> list[Target]:
    """The namespaces of an installation, with all that is in them, and what it
    has beside them. Raises NotFound where there is none of it."""
    found = [
        each
        for version, kind in _OF_THE_CLUSTER
        for each in await _ours(api, version, kind, install)
    ]
    found += [
        each
        for kind in ("RoleBinding", "Role")
        for each in await _ours(api, _RBAC, kind, install)
        if each.name == waker_of(install)  # the others go with their namespaces
    ]
    if not found:
        raise NotFound(f"there is no installation {install!r} on {api.server}")
    # The gateway last: it serves those that are still at work.
    return sorted(found, key=lambda each: each.path.endswith(f"/namespaces/{install}"))


async def _ours(
    api: Api, version: str, kind: str, install: str, namespace: str = ""
) -> list[Target]:
    try:
        path = await api.path_of_kind(version, kind, namespace)
    except NotFound:
        return []
    found = (await api.list(path, f"{INSTALL}={install}"))["items"]
    made = [{"apiVersion": version, "kind": kind, **each} for each in found]
    return [Target(title(each), each["metadata"]["name"], await api.path_of(each)) for each in made]


async def remove(api: Api, targets: Sequence[Target]) -> None:
    """What is gone meanwhile is no error."""
    for each in targets:
        with suppress(NotFound):
            await api.delete(each.path)


async def stop(api: Api, install: str, timeout: float) -> None:
    """Ends every pod of an installation, and waits for it.

    A namespace that is deleted with pods in it is looked at again only after
    half of their grace period, which for a skill is minutes.
    Raises DeadlineExceeded, naming those that are still at work.
    """
    await remove(api, await _ours(api, *_SKILL, install))
    path = await api.path_of_kind("v1", "Pod")
    # The gateway last: what is at work needs it.
    await _until_none(api, path, f"{INSTALL}={install}", timeout)
    await remove(api, await _ours(api, "apps/v1", "Deployment", install, install))
    await _until_none(api, await api.path_of_kind("v1", "Pod", install), "", timeout)


async def gone(api: Api, install: str, timeout: float) -> None:
    """Waits until the cluster has emptied the namespaces of an installation.

    Raises DeadlineExceeded, naming those that are left.
    """
    path = await api.path_of_kind("v1", "Namespace")
    await _until_none(api, path, f"{INSTALL}={install}", timeout)


async def _until_none(api: Api, path: str, labels: str, timeout: float) -> None:
    left: set[str] = set()
    try:
        async with asyncio.timeout(timeout):
            async with aclosing(watch(api, path, labels=labels)) as changes:
                async for told in changes:
                    if isinstance(told, Snapshot):
                        left = {each["metadata"]["name"] for each in told.objects}
                    elif told.type == "DELETED":
                        left.discard(told.object["metadata"]["name"])
                    else:
                        left.add(told.object["metadata"]["name"])
                    if not left:
                        return
    except TimeoutError:
        raise DeadlineExceeded(
            f"still there after {timeout:.0f} s: {', '.join(sorted(left))}"
        ) from None
