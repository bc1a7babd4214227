"""catnap render."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import yaml

from catnap.cli import output
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.settings import Settings
from catnap.errors import NotFound
from catnap.services import images
from catnap.services.render import service
from catnap.skills.manifest import read_manifest


@click.command(cls=Command)
@click.argument("skill", required=False)
@click.option(
    "--image", metavar="NAME", help="Container image; `{skill}` in it is the skill's name."
)
@click.option("--namespace", default="default", show_default=True, help="Where it is deployed.")
@with_json
@with_settings("functions")
def render(
    settings: Settings, skill: str | None, image: str | None, namespace: str, as_json: bool
) -> None:
    """Prints the Knative Service of SKILL, or of every skill.

    The same object is what the local platform runs.

    \b
    catnap render echo
    catnap render --image 'registry.example/{skill}:1.0' | kubectl apply -f -
    """
    services = [
        _service(folder, image, namespace) for folder in skill_folders(settings.functions, skill)
    ]
    if as_json:
        output.as_json(services[0] if skill else services)
        return
    click.echo(yaml.dump_all(services, Dumper=_Dumper, sort_keys=False), nl=False)


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice: anchors are hard on readers."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _service(folder: Path, image: str | None, namespace: str) -> dict[str, Any]:
    manifest = read_manifest(folder)
    if image is None:
        reference = f"catnap.local/{manifest.name}@sha256:{images.digest(folder)}"
    else:
        reference = image.replace("{skill}", manifest.name)
    return service(manifest, image=reference, namespace=namespace)


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
