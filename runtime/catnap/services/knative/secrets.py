"""Secrets of skills on a cluster: a Secret object for each skill, in the namespace
of its tenant, with the rights of whoever sets them.

The gateway has no right to any Secret: one that had could be made to tell them,
and needs none, since pods are given theirs by the cluster itself, as files in
memory. It takes `get`, `create` and `patch` of secrets there, `list` to list
them, and `get` and `list` of Knative's services.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from catnap.errors import Conflict, InvalidRequest, NotFound
from catnap.services.cluster.names import MANAGED_BY
from catnap.services.knative.api import Api
from catnap.services.render import API_VERSION, CATNAP, secret_of

_UPDATED = "secrets." + CATNAP
"""Annotation of each value: when it was set, in seconds since the epoch."""

_SUFFIX = secret_of("")


class Held(msgspec.Struct, frozen=True, order=True):
    """updated: seconds since the epoch; 0 where it is not set. named: the skill,
    as it is deployed, asks for it."""

    skill: str
    name: str
    updated: float
    named: bool


async def put(
    api: Api, tenant: str, namespace: str, skill: str, name: str, value: bytes, now: float
) -> None:
    """now: seconds since the epoch. Raises NotFound where the skill is not
    deployed, and InvalidRequest where it does not ask for it."""
    names = await _names(api, tenant, namespace, skill)
    if name not in names:
        said = f"names {', '.join(names)}" if names else "names no secrets"
        raise InvalidRequest(
            f"the skill.toml that {skill!r} was deployed with {said}: add {name!r} to names in "
            "[secrets] there, and deploy that first"
        )
    body = {
        "metadata": {"annotations": {_UPDATED + name: f"{now:.0f}"}},
        "data": {name: base64.b64encode(value).decode()},
    }
    place = _place(namespace)
    try:
        await api.merge(f"{place}/{secret_of(skill)}", body)
    except NotFound:
        try:
            await api.create(place, _made(skill, body))
        except Conflict:  # somebody else has made it meanwhile
            await api.merge(f"{place}/{secret_of(skill)}", body)


async def remove(api: Api, namespace: str, skill: str, name: str) -> None:
    """Raises NotFound where there is none."""
    path = f"{_place(namespace)}/{secret_of(skill)}"
    found: Mapping[str, Any] = {}
    with suppress(NotFound):
        found = await api.get(path)
    if name not in (found.get("data") or {}):
        raise NotFound(f"skill {skill!r} has no secret {name!r} that is set")
    gone = {"metadata": {"annotations": {_UPDATED + name: None}}, "data": {name: None}}
    await api.merge(path, gone)


async def listed(api: Api, namespace: str) -> list[Held]:
    """Those that are set, and those that skills ask for; no values."""
    services = await api.list(_services(namespace))
    named = {
        (each["metadata"]["name"], name) for each in services["items"] for name in _asked(each)
    }
    skills = {each["metadata"]["name"] for each in services["items"]}
    kept: dict[tuple[str, str], float] = {}
    for each in (await api.list(_place(namespace)))["items"]:
        meta = each["metadata"]
        skill = meta["name"].removesuffix(_SUFFIX)
        ours = meta.get("labels", {}).get(MANAGED_BY) == "catnap" or skill in skills
        if ours and skill != meta["name"]:
            kept |= {(skill, name): _updated(meta, name) for name in each.get("data") or {}}
    return sorted(
        Held(skill, name, kept.get((skill, name), 0.0), (skill, name) in named)
        for skill, name in named | kept.keys()
    )


def _made(skill: str, body: Mapping[str, Any]) -> dict[str, Any]:
    labels = {MANAGED_BY: "catnap", "app.kubernetes.io/name": skill}
    meta = {**body["metadata"], "name": secret_of(skill), "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", **body, "metadata": meta}


async def _names(api: Api, tenant: str, namespace: str, skill: str) -> list[str]:
    try:
        return _asked(await api.get(f"{_services(namespace)}/{skill}"))
    except NotFound:
        raise NotFound(
            f"skill {skill!r} is not deployed for tenant {tenant!r}: `catnap deploy {skill}` first"
        ) from None


def _asked(service: Mapping[str, Any]) -> list[str]:
    """The names of secrets that a Service's pods are given."""
    volumes = service["spec"]["template"]["spec"].get("volumes") or ()
    own = secret_of(service["metadata"]["name"])
    return [
        item["key"]
        for each in volumes
        if each.get("secret", {}).get("secretName") == own
        for item in each["secret"].get("items") or ()
    ]


def _updated(meta: Mapping[str, Any], name: str) -> float:
    """What was set by other means is as old as the whole Secret."""
    said = (meta.get("annotations") or {}).get(_UPDATED + name, "")
    if said.isdecimal():
        return float(said)
    return datetime.fromisoformat(meta["creationTimestamp"]).timestamp()


def _place(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets"


def _services(namespace: str) -> str:
    return f"/apis/{API_VERSION}/namespaces/{namespace}/services"
