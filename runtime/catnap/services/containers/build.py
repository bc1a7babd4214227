"""From a skill's folder to its image; and the platform's own two."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec

from catnap.errors import InvalidRequest, Unavailable
from catnap.services import images
from catnap.services.containers import builder, lock, packages, parts, records
from catnap.services.containers.base import look
from catnap.services.containers.built import Announce, Built
from catnap.services.containers.commit import commit_of
from catnap.services.containers.packages import PYTHON
from catnap.services.containers.process import ProgramFailed, run
from catnap.services.containers.recipe import SCRIPT, TEMPLATE, Recipe
from catnap.services.containers.sbom import sbom
from catnap.services.containers.settings import BuildSettings
from catnap.skills.manifest import read_manifest

Platform = Literal["gateway", "models"]
PLATFORM: dict[str, Platform] = {"catnap-gateway": "gateway", "catnap-models": "models"}
"""The platform's own images, by name."""

LOCAL = "dev.local/"
"""The registry of what is in a builder's own store; a cluster asks none for it."""

_HOST = lock.FOLDER / "host.txt"
_BUILD_MODEL = """
import sys
from pathlib import Path
from catnap.models.build import ensure
print(ensure(Path(sys.argv[1])).folder)
"""


class _Record(msgspec.Struct, frozen=True):
    """What is remembered of an image."""

    id: str


@dataclass(frozen=True)
class _Inputs:
    """The files of a recipe. content: folders, by where they stand at its
    place. without: what of the packages is never imported."""

    lock: Path
    parts: tuple[str, ...]
    content: tuple[tuple[str, Path], ...] = ()
    without: tuple[str, ...] = ()


async def build_skill(folder: Path, settings: BuildSettings, announce: Announce) -> Built:
    """The image of a skill, unless it is there.

    Raises InvalidRequest where the skill, its lock or the base is to blame,
    and Unavailable where a program that is needed is not there or fails.
    """
    manifest = read_manifest(folder)
    # A copy, so that what is built is what was hashed, whoever edits meanwhile.
    image = await asyncio.to_thread(images.build, folder, settings.home)
    own = image.path / "requirements.txt"
    if not own.is_file() and (image.path / "requirements.in").is_file():
        raise InvalidRequest(
            f"{folder.name}: requirements.in is not locked: run `catnap lock {folder}`"
        )
    locked = own if own.is_file() else _HOST
    sources = (folder, *parts.paths(parts.HOST), TEMPLATE, SCRIPT, _HOST)
    recipe = Recipe(
        name=manifest.name,
        version=manifest.version,
        description=manifest.description,
        lock=lock.digest(locked),
        parts=parts.digest(parts.HOST),
        content=image.path.name,
        place="/skill",
        entrypoint=(PYTHON, "-P", "-m", "catnap.host", "/skill"),
        commit=settings.commit or await commit_of(sources),
    )
    inputs = _Inputs(locked, parts.HOST, ((".", image.path),))
    return await _build(recipe, inputs, settings, announce)


async def build_platform(kind: Platform, settings: BuildSettings, announce: Announce) -> Built:
    """The image of the gateway, or of the model server with its model in it.

    Raises as `build_skill` does.
    """
    locked = lock.FOLDER / f"{kind}.txt"
    release = version("catnap-functions")
    commit = settings.commit or await commit_of(parts.paths(parts.ALL))
    if kind == "gateway":
        recipe = Recipe(
            name="catnap-gateway",
            version=release,
            description="Catnap's gateway: every call's way to a skill.",
            lock=lock.digest(locked),
            parts=parts.digest(parts.ALL),
            content="",
            place="/functions",
            entrypoint=("/catnap/bin/catnap", "serve"),
            commit=commit,
        )
        # The Kubernetes client for asyncio, of 68 MB: ours works in threads.
        inputs = _Inputs(locked, parts.ALL, without=("kubernetes/aio",))
        return await _build(recipe, inputs, settings, announce)
    model = await _model(settings.home)
    recipe = Recipe(
        name="catnap-models",
        version=release,
        description="Catnap's model server: embeddings over the Open Inference Protocol.",
        lock=lock.digest(locked),
        parts=parts.digest(parts.ALL),
        # The folder's name is a digest of what is in it.
        content="/".join(model.parts[-3:]),
        place="/model",
        entrypoint=("/catnap/bin/catnap", "models", "--home", "/model"),
        commit=commit,
    )
    content = (("/".join(model.parts[-3:]), model),)
    return await _build(recipe, _Inputs(locked, parts.ALL, content), settings, announce)


async def _model(home: Path) -> Path:
    """The built model's folder. Another process makes it, which needs much
    more memory than we do."""
    try:
        return Path((await run(sys.executable, "-c", _BUILD_MODEL, str(home))).rstrip("\n"))
    except ProgramFailed as error:
        raise InvalidRequest(f"the model cannot be built: {error.said}") from None


async def _build(
    recipe: Recipe, inputs: _Inputs, settings: BuildSettings, announce: Announce
) -> Built:
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
        image = await program.image(reference)
        if image and image.id == record.id:
            return done(image.id, cached=True)
    announce(f"{recipe.name}: building")
    scratch = tempfile.TemporaryDirectory(prefix=".building-", dir=records.folder(settings.home))
    with scratch as name:
        context = Path(name).resolve()
        await packages.fetch(inputs.lock, base, context / "packages", recipe.name)
        await asyncio.to_thread(_lay_out, recipe, inputs, context)
        installed = packages.installed(context / "packages")
        consists = sbom(recipe, base, installed, inputs.lock.read_text())
        try:
            image = await program.build(
                context, reference, base.reference, recipe.labels(base), settings.force
            )
        except ProgramFailed as error:
            raise Unavailable(f"{recipe.name} cannot be built: {error.message}") from None
    records.keep(document, consists.encode())
    records.write(kept, _Record(image.id))
    built = done(image.id, cached=False)
    announce(f"{recipe.name}: built in {built.seconds:.1f} s")
    return built


def _lay_out(recipe: Recipe, inputs: _Inputs, context: Path) -> None:
    """All that the Dockerfile copies, beside it."""
    packages.check_host(context / "packages", _HOST, f"{recipe.name}: requirements.txt")
    for unused in inputs.without:
        shutil.rmtree(context / "packages" / unused, ignore_errors=True)
    parts.copy(inputs.parts, context / "catnap")
    (context / "content").mkdir()
    for place, folder in inputs.content:
        shutil.copytree(folder, context / "content" / place, dirs_exist_ok=True)
    shutil.copyfile(SCRIPT, context / SCRIPT.name)
    (context / "Dockerfile").write_text(recipe.dockerfile())
