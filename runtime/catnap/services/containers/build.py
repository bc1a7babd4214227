"""From a recipe to an image in the builder's own store."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from catnap.errors import Unavailable
from catnap.services.containers import builder, packages, parts, records
from catnap.services.containers.base import Base, look
from catnap.services.containers.built import Announce, Built
from catnap.services.containers.lock import HOST
from catnap.services.containers.process import ProgramFailed
from catnap.services.containers.recipe import SCRIPT, Recipe
from catnap.services.containers.sbom import sbom
from catnap.services.containers.settings import BuildSettings

LOCAL = "dev.local/"
"""The registry of what is in a builder's own store; a cluster asks none for it."""


class _Record(msgspec.Struct, frozen=True):
    """What is remembered of an image."""

    id: str


@dataclass(frozen=True)
class Inputs:
    """The files of a recipe. content: folders, by where they stand at its
    place. without: what of the packages is never imported. host: the lock of
    what its own has to have."""

    lock: Path
    parts: tuple[str, ...]
    content: tuple[tuple[str, Path], ...] = ()
    without: tuple[str, ...] = ()
    host: Path = HOST


async def build(
    recipe: Recipe, inputs: Inputs, settings: BuildSettings, announce: Announce
) -> Built:
    """The image of a recipe, and its SBOM; what is there is left as it is.

    Raises InvalidRequest where the lock or the base is to blame, and
    Unavailable where a program that is needed is not there or fails.
    """
    began = time.monotonic()
    program = await builder.find(settings.builder)
    base = await look(program, settings.base, settings.home)
    tag = recipe.tag(base)
    reference = f"{LOCAL}{recipe.name}:{tag}"
    kept = records.built(settings.home, recipe.name, tag)
    document = records.sbom(settings.home, recipe.name, tag)

    def done(identity: str, cached: bool) -> Built:
        took = time.monotonic() - began
        return Built(recipe.name, reference, identity, document, took, cached)

    record = records.read(kept, _Record)
    if record and document.is_file() and not settings.force:
        there = await program.image(reference)
        if there and there.id == record.id:
            return done(there.id, cached=True)
    announce(f"{recipe.name}: building")
    scratch = tempfile.TemporaryDirectory(prefix=".building-", dir=records.folder(settings.home))
    with scratch as name:
        context = Path(name).resolve()
        await packages.fetch(inputs.lock, base, context / "packages", recipe.name)
        await asyncio.to_thread(_lay_out, recipe, inputs, base, context)
        installed = packages.installed(context / "packages")
        consists = sbom(recipe, base, installed, inputs.lock.read_text())
        try:
            image = await program.build(context, reference, base.reference, settings.force)
        except ProgramFailed as error:
            raise Unavailable(f"{recipe.name} cannot be built: {error.message}") from None
    records.keep(document, consists.encode())
    records.write(kept, _Record(image.id))
    built = done(image.id, cached=False)
    announce(f"{recipe.name}: built in {built.seconds:.1f} s")
    return built


def _lay_out(recipe: Recipe, inputs: Inputs, base: Base, context: Path) -> None:
    """All that the Dockerfile copies, beside it."""
    packages.check_host(context / "packages", inputs.host, f"{recipe.name}: requirements.txt")
    for unused in inputs.without:
        shutil.rmtree(context / "packages" / unused, ignore_errors=True)
    parts.copy(inputs.parts, context / "catnap")
    (context / "content").mkdir()
    for place, folder in inputs.content:
        shutil.copytree(folder, context / "content" / place, dirs_exist_ok=True)
    shutil.copyfile(SCRIPT, context / SCRIPT.name)
    (context / "Dockerfile").write_text(recipe.dockerfile(base))
