"""catnap build."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from catnap.cli import output
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.render import skill_folders
from catnap.cli.settings import Settings
from catnap.services.containers import (
    AT_ONCE,
    PLATFORM,
    BuildSettings,
    Built,
    build_platform,
    build_skill,
    check,
    publish,
)


@click.command(cls=Command)
@click.argument("names", nargs=-1, metavar="[SKILL...]")
@click.option("--publish", "published", is_flag=True, help="Hand them to a cluster as well.")
@click.option("--base", metavar="IMAGE", help="Image to begin with. Also CATNAP_BASE.")
@click.option("--registry", metavar="HOST/PATH", help="Where to push. Also REGISTRY.")
@click.option("--load-command", metavar="COMMAND", help="Takes an archive. Also LOAD_COMMAND.")
@click.option("--force", is_flag=True, help="Build and publish what is there already, too.")
@with_json
@with_settings("functions", "home")
def build(
    settings: Settings,
    names: tuple[str, ...],
    published: bool,
    base: str | None,
    registry: str | None,
    load_command: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Builds the images of SKILLs, or of all, the gateway and the model server.

    With docker, podman or buildah, whichever is there; CATNAP_BUILDER names
    one. The same input gives the same image, and what is built already is left
    as it is. An SBOM of each lies in the state folder.

    \b
    catnap build
    catnap build echo catnap-gateway
    catnap build --publish --registry registry.example/team
    catnap build --publish --load-command 'kind load image-archive'
    """
    flags = {"CATNAP_BASE": base, "REGISTRY": registry, "LOAD_COMMAND": load_command}
    given = {name: flag for name, flag in flags.items() if flag is not None}
    chosen = replace(BuildSettings.read({**os.environ, **given}), home=settings.home, force=force)
    if published:
        check(chosen)
    done = asyncio.run(_build(settings.functions, names, chosen, published))
    if as_json:
        output.as_json(
            [
                {
                    "name": built.name,
                    "image": reference,
                    "digest": built.digest,
                    "sbom": str(built.sbom),
                    "seconds": round(built.seconds, 3),
                    "cached": built.cached,
                }
                for built, reference in done
            ]
        )
        return
    output.table(
        ("name", "image", "digest", "built"),
        [
            (
                *(built.name, reference, built.digest[:19]),
                "before" if built.cached else f"in {built.seconds:.1f} s",
            )
            for built, reference in done
        ],
        empty="no images",
    )


async def _build(
    functions: Path, names: Sequence[str], settings: BuildSettings, published: bool
) -> list[tuple[Built, str]]:
    skills = [name for name in names if name not in PLATFORM]
    folders = [folder for name in skills for folder in skill_folders(functions, name)]
    if not names:
        folders = skill_folders(functions, None)
    kinds = [kind for name, kind in PLATFORM.items() if not names or name in names]
    room = asyncio.Semaphore(AT_ONCE)

    async def one(make: Callable[..., Awaitable[Built]], what: Path | str) -> Built:
        async with room:
            return await make(what, settings, output.note)

    done = await asyncio.gather(
        *(one(build_skill, folder) for folder in folders),
        *(one(build_platform, kind) for kind in kinds),
    )
    if not published:
        return [(built, built.reference) for built in done]
    return [(built, await publish(built, settings, output.note, target="")) for built in done]
