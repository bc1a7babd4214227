"""All that a deploy applies, by what stands or falls together. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from catnap.services.cluster.install import Install
from catnap.services.cluster.names import GATEWAY, MODELS, namespace_of
from catnap.services.cluster.objects import skill_objects, system_objects, tenant_objects
from catnap.services.cluster.skill import Skill
from catnap.services.knative.api import Object
from catnap.services.knative.rollout import Subject


@dataclass(frozen=True, slots=True)
class Part:
    """subject: what becomes ready of it, if anything. image: what that runs."""

    label: str
    objects: tuple[Object, ...]
    subject: Subject | None = None
    image: str = ""


def tenants(install: Install) -> Part:
    """What the skills of each tenant need."""
    objects = [each for tenant in install.tenants for each in tenant_objects(install, tenant)]
    return Part("the tenants", tuple(objects))


def platform(install: Install) -> list[Part]:
    """What all skills need: the gateway, the model server, the tenants."""
    images = {GATEWAY: install.gateway, MODELS: install.models}
    found = system_objects(install)
    own = {name: [each for each in found if _runs(each, name)] for name in images}
    rest = [each for each in found if not any(each in objects for objects in own.values())]
    return [
        Part("the installation", tuple(rest)),
        tenants(install),
        *(
            Part(name, tuple(objects), Subject(name, install.name, name, True), images[name])
            for name, objects in own.items()
        ),
    ]


def _runs(obj: Object, name: str) -> bool:
    return bool(obj["kind"] == "Deployment" and obj["metadata"]["name"] == name)


def label_of(skill: str, tenant: str, install: Install) -> str:
    """How a skill of a tenant is called in what is told."""
    return skill if len(install.tenants) == 1 else f"{tenant}/{skill}"


def skill_part(install: Install, tenant: str, skill: Skill) -> Part:
    """Raises InvalidRequest where it cannot run on a cluster."""
    name, namespace = skill.manifest.name, namespace_of(tenant, install.name)
    label = label_of(name, tenant, install)
    objects = tuple(skill_objects(install, tenant, skill))
    return Part(label, objects, Subject(label, namespace, name), skill.image)
