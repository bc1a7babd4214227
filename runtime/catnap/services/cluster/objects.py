"""All that a cluster is given, in an order in which it can be applied."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from catnap.services.cluster import triggers
from catnap.services.cluster.install import Install
from catnap.services.cluster.manifests import Object, build, extended, find
from catnap.services.cluster.names import (
    DEFAULT_INSTALL,
    GATEWAY,
    INSTALL,
    MANAGED_BY,
    MODELS,
    MODELS_SETTINGS,
    SETTINGS,
    TENANT,
    namespace_of,
)
from catnap.services.cluster.skill import Skill, cluster_service
from catnap.services.cluster.wakes import wake_rights
from catnap.services.render import CATNAP

_NAMING = {"name", "namespace", "kubernetes.io/metadata.name", INSTALL}
"""Keys under which an installation or a tenant is named."""


def cluster_objects(install: Install, skills: Iterable[Skill]) -> list[Object]:
    """The installation, its tenants, and every skill for each of them.

    Pure but for reading `knative/`. What is first in the list is needed by
    what comes later; namespaces come before all. Raises InvalidRequest.
    """
    skills = tuple(skills)
    objects = system_objects(install)
    for tenant in install.tenants:
        objects += tenant_objects(install, tenant)
    for tenant in install.tenants:
        for skill in skills:
            objects += skill_objects(install, tenant, skill)
    return sorted(objects, key=lambda each: each["kind"] != "Namespace")


def system_objects(install: Install) -> list[Object]:
    """The gateway, the model server, and what they may do."""
    names = {DEFAULT_INSTALL: install.name, f"{DEFAULT_INSTALL}:gateway": f"{install.name}:gateway"}
    folder = "replicas" if install.replicated else "system"
    found = build(find(folder))
    if install.tls:
        for name in ("tls", "mtls") if install.clients else ("tls",):
            found = extended(found, find(name))
    objects = [
        _config_map(install, SETTINGS, {"catnap.toml": install.settings, **install.files}),
        _config_map(install, MODELS_SETTINGS, {"models.toml": install.models_toml}),
        *(_renamed(each, names) for each in found),
        *wake_rights(install),
    ]
    for each in objects:
        if each["kind"] == "PersistentVolumeClaim":
            each["spec"]["resources"]["requests"]["storage"] = install.storage
            if install.storage_class:
                each["spec"]["storageClassName"] = install.storage_class
        if each["kind"] == "Deployment":
            [container] = each["spec"]["template"]["spec"]["containers"]
            container["image"] = {GATEWAY: install.gateway, MODELS: install.models}[
                container["image"]
            ]
        if each["kind"] == "Deployment" and each["metadata"]["name"] == GATEWAY:
            # Other settings are another gateway: it reads them when it starts. Not
            # so the models, which it looks at while it runs.
            told = msgspec.json.encode((install.settings, *sorted(install.files.items())))
            digest = hashlib.sha256(told).hexdigest()
            template = each["spec"]["template"]["metadata"]
            template.setdefault("annotations", {})[CATNAP + "settings"] = digest
    return objects


def _config_map(install: Install, name: str, data: Mapping[str, str]) -> Object:
    labels = {MANAGED_BY: "catnap", INSTALL: install.name}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": install.name, "labels": labels},
        "data": data,
    }


def tenant_objects(install: Install, tenant: str) -> list[Object]:
    """The namespace of a tenant, its bounds, and its Broker."""
    namespace = namespace_of(tenant, install.name)
    names = {DEFAULT_INSTALL: install.name, namespace_of("default"): namespace}
    objects = [_renamed(each, names) for each in build(find("tenant"))]
    for each in objects:
        if each["kind"] == "Namespace":
            each["metadata"]["annotations"][TENANT] = tenant
    if install.eventing:
        objects.append(triggers.broker(namespace, install.name))
    return objects


def skill_objects(install: Install, tenant: str, skill: Skill) -> Iterator[Object]:
    """A skill of one tenant: its Service and its Triggers."""
    yield cluster_service(skill, tenant=tenant, install=install.name)
    if install.eventing:
        namespace = namespace_of(tenant, install.name)
        yield from triggers.triggers(skill.manifest, namespace, install.name)


def _renamed(node: Any, names: Mapping[str, str], key: str = "") -> Any:
    """A copy, in which what is named otherwise is named otherwise."""
    if isinstance(node, dict):
        return {name: _renamed(value, names, name) for name, value in node.items()}
    if isinstance(node, list):
        return [_renamed(value, names) for value in node]
    return names.get(node, node) if key in _NAMING and isinstance(node, str) else node
