"""A skill as agents are shown it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from catnap.gateway.gateway import Gateway
from catnap.services.catalog import Deployed


class Skill(msgspec.Struct, omit_defaults=True):
    """Field by field catnap.v1.Skill, with the schemas as objects."""

    name: str
    description: str
    version: str
    revision: str
    timeout_seconds: float
    instances: int
    triggers: list[str] = []
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    problem: str = ""


def describe(gateway: Gateway, tenant: str, name: str) -> Skill:
    """One skill as a tenant meets it. Raises NotFound, or Unavailable where
    it cannot be served."""
    return _described(gateway.catalog.get(name), tenant, _running(gateway, tenant))


def describe_all(gateway: Gateway, tenant: str) -> list[Skill]:
    """Every skill there is, by name."""
    running = _running(gateway, tenant)
    return [_described(each, tenant, running) for each in gateway.catalog]


def _running(gateway: Gateway, tenant: str) -> Counter[str]:
    """Instances by skill."""
    running: Counter[str] = Counter()
    for status in gateway.platform.status():
        if status.namespace == tenant:
            running[status.service] += status.instances
    return running


def _described(deployed: Deployed, tenant: str, running: Counter[str]) -> Skill:
    manifest, said = deployed.manifest, deployed.description
    return Skill(
        name=manifest.name,
        description=manifest.description,
        version=manifest.version,
        revision=deployed.tenants.get(tenant, ""),
        timeout_seconds=float(manifest.limits.timeout),
        instances=running[manifest.name],
        triggers=sorted({t for each in manifest.triggers.events for t in each.types}),
        input_schema=said.input_schema,
        output_schema=said.output_schema,
        problem=deployed.problem,
    )
