"""catnap deploy."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from catnap.access.principal import DEFAULT_TENANT
from catnap.cli import deployed, exits, output
from catnap.cli.authorities import authorities
from catnap.cli.cluster import Access, with_cluster
from catnap.cli.here import deploy_here, refuse_a_clusters
from catnap.cli.options import DURATION, Command, with_json, with_settings
from catnap.cli.progress import Progress
from catnap.cli.render import skill_folders
from catnap.cli.settings import Settings, gateway_settings

if TYPE_CHECKING:
    from catnap.services.knative.order import Deployed


@click.command(cls=Command)
@click.argument("skills", nargs=-1, metavar="[SKILL...]")
@click.option("--here", is_flag=True, help="To the gateway that runs here, not to a cluster.")
@click.option("--dry-run", is_flag=True, help="Show what would change, as the cluster sees it.")
@click.option(
    "--tenant",
    "tenants",
    multiple=True,
    help="For whom. Default: default, and the tenants of the keys in catnap.toml.",
)
@click.option(
    "--image",
    "images",
    metavar="NAME=REFERENCE",
    multiple=True,
    help="Take this image for a skill, catnap-gateway or catnap-models; none is built.",
)
@click.option("--storage", default="", help="Size of the gateway's volume. Default: 10Gi.")
@click.option("--storage-class", default="", help="Its class. Default: the cluster's.")
@click.option(
    "--timeout", type=DURATION, default="5m", show_default=True, help="For all to be ready."
)
@click.option("--wait/--no-wait", default=True, help="Until all is ready. Default: yes.")
@with_cluster
@with_json
@with_settings(
    *("functions", "home", "http", "token", "install", "files", "files_bounds", "retry"),
    *("egress_networks", "index", "store", "models"),
)
def deploy(
    settings: Settings,
    access: Access,
    skills: tuple[str, ...],
    here: bool,
    dry_run: bool,
    tenants: tuple[str, ...],
    images: tuple[str, ...],
    storage: str,
    storage_class: str,
    timeout: float,
    wait: bool,
    as_json: bool,
) -> int:
    """Deploys SKILLs, or all and the platform, to Knative.

    Builds what is not built, applies what differs, and waits until it is
    ready. A skill that cannot be deployed leaves the running one as it is.
    Where CATNAP_STORE names a Postgres and CATNAP_FILES a bucket, there are two
    gateways; else one, with a volume.
    The models are those of models.toml: the gateway takes another up while it
    runs, a minute or so after it was deployed.
    Images get to the cluster by REGISTRY, or by LOAD_COMMAND; see `catnap
    build --help`.

    With --here, `catnap serve` takes SKILLs' folders up as they are now, as it
    does by itself after an edit; those that were deleted are served again.

    \b
    REGISTRY=registry.example/team catnap deploy
    catnap deploy echo --dry-run
    catnap deploy --tenant acme --tenant umbrella
    catnap deploy --here echo
    """
    if here:
        refuse_a_clusters(click.get_current_context())
        folders = _folders(settings.functions, skills)
        return deploy_here(settings, [folder.name for folder in folders], as_json)
    # Here, so that the help needs no Kubernetes client.
    from catnap.access.keyfile import random_text
    from catnap.access.keys import PREFIX
    from catnap.access.shared_keys import FILES
    from catnap.cli.cluster_models import cluster_models
    from catnap.services.cluster.install import Install
    from catnap.services.cluster.names import (
        ADMIN_KEY,
        ADMIN_SECRET,
        KEYS_SECRET,
        STORE_SECRET,
        STORE_URI,
    )
    from catnap.services.containers import BuildSettings
    from catnap.services.knative.deploy import deploy as run
    from catnap.services.knative.order import Order

    began = time.monotonic()
    models = cluster_models(settings.models_file)
    order = Order(
        folders=_folders(settings.functions, skills),
        home=settings.home,
        install=Install(
            name=settings.install,
            tenants=tenants or _tenants(settings),
            storage=storage or Install.storage,
            storage_class=storage_class,
            settings=gateway_settings(settings),
            files=authorities(settings),
            models_toml=models.text,
            wakes=models.wakes,
            clients=bool(settings.clients),
        ),
        models=models.names,
        build=replace(BuildSettings.read(os.environ), home=settings.home),
        images=_images(images),
        timeout=timeout,
        wait=wait,
        whole=not skills,
        resize=bool(storage or storage_class),
        bucket=bool(settings.files),
    )
    secrets = {
        ADMIN_SECRET: {ADMIN_KEY: PREFIX + random_text()},
        KEYS_SECRET: {file: random_text() for file in FILES},
    }
    if settings.store:
        secrets[STORE_SECRET] = {STORE_URI: settings.store}
    with Progress(quiet=as_json) as progress:
        done = asyncio.run(run(access.connect(), order, secrets, progress.tell, dry_run=dry_run))
    took = time.monotonic() - began
    if as_json:
        output.as_json(deployed.document(done, took))
    elif dry_run:
        deployed.show_plan(done)
    else:
        deployed.show(done, took)
        if not any(each.problem for each in done.results):
            output.note(deployed.entrance(access, settings.install))
    return _failures(done)


def _tenants(settings: Settings) -> tuple[str, ...]:
    """Who has keys: what `serve` does for them, too."""
    return tuple(dict.fromkeys((DEFAULT_TENANT, *(key.tenant for key in settings.keys))))


def _folders(functions: Path, skills: tuple[str, ...]) -> tuple[Path, ...]:
    if not skills:
        return tuple(skill_folders(functions, None))
    return tuple(
        folder for name in dict.fromkeys(skills) for folder in skill_folders(functions, name)
    )


def _images(given: tuple[str, ...]) -> dict[str, str]:
    images = {}
    for each in given:
        name, equals, reference = each.partition("=")
        if not (name and equals and reference):
            raise click.UsageError(f"--image {each}: write NAME=REFERENCE.")
        images[name] = reference
    return images


def _failures(done: Deployed) -> int:
    """Says what failed, a line for each; gives the exit status: the first one's."""
    failed = [each for each in done.results if each.problem]
    for each in failed:
        stays = f"; {each.serving} keeps serving" if each.serving else ""
        assert each.problem is not None
        output.note(f"catnap: {each.label} is not deployed: {exits.line(each.problem)}{stays}")
    return next((exits.status(each.problem) for each in failed if each.problem), 0)
