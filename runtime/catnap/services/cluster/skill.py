"""A skill's Service object on a cluster, and what it says of the skill.

The gateway keeps no list of skills: the cluster's Service objects are the
list. The template carries the manifest and what the skill said of itself, so
that each revision keeps its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from catnap.errors import InvalidRequest
from catnap.services.cluster.names import (
    CALLBACK_PORT,
    INSTALL,
    TENANT,
    gateway_host,
    namespace_of,
)
from catnap.services.describe import Description
from catnap.services.render import CATNAP, service
from catnap.skills.duration import Duration
from catnap.skills.manifest import Manifest

MANIFEST = CATNAP + "manifest"
SCHEMA = CATNAP + "schema"
EGRESS_PORT = 3128
KEEPS = "/run/catnap/workspaces"
"""Where a pod has the folders of its sessions, while it has them."""
_MOST = "10Gi"
"""Of all of these at a pod: one that has more is evicted, and what was kept of
them is at the next one."""
_PRIVATE = "networking.knative.dev/visibility"
_OURS = "CATNAP_"
_LONGEST = 200 << 10
"""Bytes of annotations: Kubernetes takes 256 KiB in all, and Knative adds its own."""

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Skill:
    """What is deployed. image: as a pod's spec names it. description: None
    where the skill has not been loaded, and agents then see no schemas."""

    manifest: Manifest
    image: str
    description: Description | None = None


def cluster_service(skill: Skill, *, tenant: str, install: str) -> dict[str, Any]:
    """The Knative Service of a skill for one tenant.

    What `catnap.services.render` makes of the manifest, and what only a
    cluster needs. Raises InvalidRequest for a skill that cannot run there.
    """
    manifest = skill.manifest
    _check(manifest)
    made = service(manifest, image=skill.image, namespace=namespace_of(tenant, install))
    # Also on what Knative makes of it, so that watches can ask for ours only.
    labels = {**made["metadata"]["labels"], INSTALL: install}
    template = made["spec"]["template"]
    template["metadata"]["labels"] = labels
    template["metadata"]["annotations"].update(_about(skill))
    made["metadata"] = {
        **made["metadata"],
        # No ingress gives it a name outside the cluster: the gateway is the way in.
        "labels": {**labels, _PRIVATE: "cluster-local"},
        "annotations": {**made["metadata"]["annotations"], TENANT: tenant},
    }
    [container] = template["spec"]["containers"]
    container["env"] = _env(container["env"], manifest, install)
    if manifest.session.workspace:
        template["spec"]["volumes"].append({"name": "keeps", "emptyDir": {"sizeLimit": _MOST}})
        container["volumeMounts"].append({"name": "keeps", "mountPath": KEEPS})
    # So that the pod's status tells why it crashed.
    container["terminationMessagePolicy"] = "FallbackToLogsOnError"
    return made


def tenant_of(service: Mapping[str, Any]) -> str:
    """Raises InvalidRequest, as all below, where the object is not of ours."""
    return _annotation(service, service, TENANT)


def manifest_of(service: Mapping[str, Any], revision: Mapping[str, Any] | None = None) -> Manifest:
    """Of a revision of it; of the newest deploy, where none is given."""
    return _decode(service, revision, MANIFEST, Manifest)


def description_of(
    service: Mapping[str, Any], revision: Mapping[str, Any] | None = None
) -> Description:
    """What the skill said of itself, or nothing where it was not asked."""
    if SCHEMA not in _annotations(revision or service["spec"]["template"]):
        return Description()
    return _decode(service, revision, SCHEMA, Description)


def _check(manifest: Manifest) -> None:
    if manifest.session.share != "tenant":
        raise InvalidRequest(
            f"{manifest.name}: session.share = {manifest.session.share!r}: a cluster runs "
            "skills that all users of a tenant share; other sharing works on localhost only"
        )
    ours = sorted(name for name in manifest.env if name.startswith(_OURS))
    if ours:
        raise InvalidRequest(f"{manifest.name}: env.{ours[0]}: {_OURS}* is set by the platform")


def _env(rendered: list[dict[str, str]], manifest: Manifest, install: str) -> list[dict[str, str]]:
    # With the final dot the resolver asks for this name and tries no others.
    host = f"{gateway_host(install)}."
    env = {
        **{each["name"]: each["value"] for each in rendered},
        "CATNAP_CALLBACK": f"{host}:{CALLBACK_PORT}",
        "CATNAP_CONCURRENCY": str(manifest.scale.concurrency),
        "CATNAP_EGRESS": f"{host}:{EGRESS_PORT}",
        # As long as Knative Serving lets a pod: a scale-down ends no call.
        "CATNAP_GRACE": str(math.ceil(manifest.limits.timeout)),
        "CATNAP_LOG": "json",
    }
    if manifest.session.workspace:
        env["CATNAP_KEEPS"] = KEEPS
    return [{"name": name, "value": value} for name, value in sorted(env.items())]


def _about(skill: Skill) -> dict[str, str]:
    about = {MANIFEST: _encode(skill.manifest)}
    if skill.description is not None:
        about[SCHEMA] = _encode(skill.description)
    size = sum(len(text.encode()) for text in about.values())
    if size > _LONGEST:
        raise InvalidRequest(
            f"{skill.manifest.name}: manifest and schemas are {size >> 10} KiB: a cluster keeps "
            f"{_LONGEST >> 10} KiB beside a skill; give its input or output a simpler type"
        )
    return about


def _encode(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic", enc_hook=_seconds).decode()


def _decode(
    service: Mapping[str, Any], revision: Mapping[str, Any] | None, name: str, kind: type[_T]
) -> _T:
    text = _annotation(service, revision or service["spec"]["template"], name)
    try:
        return msgspec.json.decode(text, type=kind, dec_hook=_convert)
    except msgspec.DecodeError as error:
        raise _unreadable(service, f"{name}: {error}") from None


def _seconds(value: object) -> float:
    if isinstance(value, Duration):
        return float(value)
    raise NotImplementedError(type(value))


def _convert(kind: type, value: object) -> object:
    if kind is Duration:
        return Duration.parse(value)
    raise NotImplementedError(kind)


def _annotations(made: Mapping[str, Any]) -> Mapping[str, Any]:
    return made.get("metadata", {}).get("annotations") or {}


def _annotation(service: Mapping[str, Any], made: Mapping[str, Any], name: str) -> str:
    found = _annotations(made).get(name)
    if not isinstance(found, str):
        raise _unreadable(service, f"no {name}")
    return found


def _unreadable(service: Mapping[str, Any], why: str) -> InvalidRequest:
    meta = service["metadata"]
    return InvalidRequest(
        f"Service {meta.get('namespace')}/{meta['name']} does not say what it is ({why}): "
        "`catnap deploy` writes it anew"
    )
