"""A skill as agents are shown it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from catnap.gateway.gateway import Gateway
from catnap.services.catalog import Deployed
from catnap.services.platform import Status


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
    return _described(gateway.catalog.get(name, tenant), _running(gateway, tenant))


def describe_all(gateway: Gateway, tenant: str) -> list[Skill]:
    """Every skill there is, by name."""
    running = _running(gateway, tenant)
    return [_described(each, running) for each in gateway.catalog.of(tenant)]


def _running(gateway: Gateway, tenant: str) -> dict[str, Status]:
    """What there is of a tenant's skills, by name."""
    found = gateway.platform.status()
    return {each.service: each for each in found if each.namespace == tenant}


def _described(deployed: Deployed, running: Mapping[str, Status]) -> Skill:
    manifest, said = deployed.manifest, deployed.description
    status = running.get(manifest.name)
    return Skill(
        name=manifest.name,
        description=manifest.description,
        version=manifest.version,
        revision=status.revision if status else "",
        timeout_seconds=float(manifest.limits.timeout),
        instances=status.instances if status else 0,
        triggers=sorted({t for each in manifest.triggers.events for t in each.types}),
        input_schema=said.input_schema,
        output_schema=said.output_schema,
        problem=deployed.problem,
    )
