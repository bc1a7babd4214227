"""Whose an Ingress object is, and so how its hosts are answered. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catnap.errors import InvalidRequest
from catnap.services.cluster.names import DEFAULT_INSTALL, INSTALL, TENANT
from catnap.services.knative import kingress
from catnap.services.knative.kingress import KIngress

_SERVICE = "serving.knative.dev/service"


@dataclass(frozen=True, slots=True)
class Namespace:
    """install, tenant: empty for a namespace that is no Catnap's, or that is
    no tenant's. Its labels and annotations are the cluster administrator's to
    write; those of the objects in it are not, and are never asked for a tenant."""

    install: str = ""
    tenant: str = ""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Namespace:
        metadata = document["metadata"]
        return cls(
            metadata.get("labels", {}).get(INSTALL, ""),
            metadata.get("annotations", {}).get(TENANT, ""),
        )


@dataclass(frozen=True, slots=True)
class Skill:
    """Its hosts lead into the pipeline, on behalf of callers of this tenant."""

    tenant: str
    name: str


@dataclass(frozen=True, slots=True)
class Plain:
    """Its hosts lead to whatever runs there; that guards itself."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Its hosts are not answered. reason: one word in CamelCase."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another's: nothing of it is ours to answer or to write."""


Standing = Skill | Plain | Refused | Elsewhere


def standing(ingress: KIngress, namespace: Namespace, install: str) -> Standing:
    """How the install answers an object of this namespace."""
    mine = namespace.install == install
    # Somebody has to serve the cluster's other Knative Services, and only one.
    free = not namespace.install and install == DEFAULT_INSTALL
    if not ingress.ours or not (mine or free):
        return Elsewhere()
    try:
        kingress.check(ingress)
    except InvalidRequest as error:
        return Refused("Invalid", error.message)
    if ingress.spec.tls:
        return Refused(
            "TLSNotServed",
            "spec.tls: the Catnap gateway speaks plain HTTP: put what ends TLS in front of it, "
            "or give the object another ingress class",
        )
    if not mine or not namespace.tenant:
        return Plain()
    service = ingress.metadata.labels.get(_SERVICE, "")
    if service and ingress.metadata.labels.get(INSTALL) == install:
        return Skill(namespace.tenant, service)
    if _renames(ingress):
        return Plain()
    return Refused(
        "NotASkill",
        f"namespace {ingress.metadata.namespace} belongs to tenant {namespace.tenant!r}, and only "
        "skills are served from it: use `catnap deploy`, or a namespace of your own",
    )


def _renames(ingress: KIngress) -> bool:
    """Whether it only gives another name to a host that is judged by itself,
    as a DomainMapping does."""
    return all(
        path.rewrite_host for rule in ingress.spec.rules if rule.http for path in rule.http.paths
    )
