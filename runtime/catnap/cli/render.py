"""catnap render."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import yaml

from catnap.cli import output
from catnap.cli.authorities import authorities
from catnap.cli.cluster_models import cluster_models
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.settings import Settings, gateway_settings
from catnap.errors import NotFound
from catnap.services import images
from catnap.services.cluster.install import Install
from catnap.services.cluster.names import GATEWAY, MODELS
from catnap.services.cluster.objects import cluster_objects
from catnap.services.cluster.skill import Skill
from catnap.services.render import service
from catnap.services.source import load
from catnap.skills.manifest import read_manifest


@click.command(cls=Command)
@click.argument("skill", required=False)
@click.option(
    "--image",
    "references",
    metavar="[NAME=]REFERENCE",
    multiple=True,
    help="Container image: of one skill, catnap-gateway or catnap-models, or with `{skill}` "
    "in it of all.",
)
@click.option("--namespace", help="Where it is deployed. Default: default.")
@click.option("--cluster", is_flag=True, help="All that a cluster gets, not only the skills.")
@click.option(
    "--tenant", "tenants", multiple=True, help="Whom the cluster serves. Default: default."
)
@click.option(
    "--eventing/--no-eventing", default=True, help="Knative Eventing's Broker and Triggers, too."
)
@click.option(
    "--tls/--no-tls", default=False, help="There is a Secret catnap-tls, for the gateway to show."
)
@click.option("--storage", help="The gateway's volume on the cluster. Default: 10Gi.")
@click.option("--storage-class", help="Its class. Default: the cluster's own.")
@with_json
@with_settings(
    *("functions", "home", "install", "files", "files_bounds", "retry"),
    *("egress_networks", "index", "store", "models"),
)
def render(
    settings: Settings,
    skill: str | None,
    references: tuple[str, ...],
    namespace: str | None,
    cluster: bool,
    tenants: tuple[str, ...],
    eventing: bool,
    tls: bool,
    storage: str | None,
    storage_class: str | None,
    as_json: bool,
) -> None:
    """Prints the Knative Service of SKILL, or of every skill.

    The same object is what the local platform runs. With --cluster it prints
    all that `catnap deploy` applies, in that order, but the Secrets that a
    deploy makes: `catnap-admin` with the platform's key, and with a store
    outside `catnap-store` and `catnap-keys`.

    \b
    catnap render echo
    catnap render --image 'registry.example/{skill}:1.0' | kubectl apply -f -
    catnap render --cluster --tenant acme --image 'registry.example/{skill}:1.0'
    """
    if cluster and namespace is not None:
        raise click.UsageError("--cluster has a namespace for each tenant: leave --namespace out.")
    if tenants and not cluster:
        raise click.UsageError("--tenant is of --cluster; without it, there is --namespace.")
    folders = skill_folders(settings.functions, skill)
    chosen = Images(references, [*(folder.name for folder in folders), GATEWAY, MODELS])
    if cluster:
        models = cluster_models(settings.models_file)
        install = Install(
            name=settings.install,
            tenants=tenants or Install.tenants,
            gateway=chosen.get(GATEWAY) or Install.gateway,
            models=chosen.get(MODELS) or Install.models,
            eventing=eventing,
            storage=storage or Install.storage,
            storage_class=storage_class or Install.storage_class,
            settings=gateway_settings(settings),
            files=authorities(settings),
            models_toml=models.text,
            wakes=models.wakes,
            tls=tls,
            clients=bool(settings.clients),
            replicated=bool(settings.store),
        )
        found = asyncio.run(_skills(folders, settings.home))
        skills = [
            replace(each, image=chosen.get(each.manifest.name) or each.image) for each in found
        ]
        objects = cluster_objects(install, skills)
    else:
        objects = [_service(folder, chosen, namespace or "default") for folder in folders]
    if as_json:
        output.as_json(objects[0] if skill and not cluster else objects)
        return
    click.echo(yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False), nl=False)


class Images:
    """What --image said. Raises click.UsageError where it names nothing there is."""

    def __init__(self, references: Sequence[str], names: Sequence[str]) -> None:
        self._every = ""
        self._of: dict[str, str] = {}
        for each in references:
            name, separator, reference = each.partition("=")
            if not separator:
                self._every = each
            elif name in names:
                self._of[name] = reference
            else:
                raise click.UsageError(f"--image {each}: there is {', '.join(names)}.")

    def get(self, name: str) -> str:
        """Empty where nothing was said."""
        return self._of.get(name) or self._every.replace("{skill}", name)


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice: anchors are hard on readers."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


async def _skills(folders: Sequence[Path], home: Path) -> list[Skill]:
    """Loaded once, as a deploy does: a cluster is told their schemas."""
    sources = await asyncio.gather(*(load(folder, home, output.note) for folder in folders))
    return [
        Skill(manifest=each.manifest, image=each.image.reference, description=each.description)
        for each in sources
    ]


def _service(folder: Path, chosen: Images, namespace: str) -> dict[str, Any]:
    manifest = read_manifest(folder)
    image = chosen.get(manifest.name) or (
        f"catnap.local/{manifest.name}@sha256:{images.digest(folder)}"
    )
    return service(manifest, image=image, namespace=namespace)


def skill_folders(functions: Path, skill: str | None) -> list[Path]:
    """The folder of one skill, or of all. Raises NotFound where there is none."""
    if skill is not None:
        if not (functions / skill / "skill.toml").is_file():
            raise NotFound(f"no skill {skill!r} in {functions}: CATNAP_FUNCTIONS names the folder")
        return [functions / skill]
    found = sorted(path.parent for path in functions.glob("*/skill.toml"))
    if not found:
        raise NotFound(f"no skills in {functions}: `catnap new NAME` writes one")
    return found
