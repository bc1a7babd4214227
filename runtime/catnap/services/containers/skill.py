"""The image of a skill."""

from __future__ import annotations

import asyncio
from pathlib import Path

from catnap.errors import InvalidRequest
from catnap.services import images
from catnap.services.containers import lock, parts
from catnap.services.containers.build import Inputs, build
from catnap.services.containers.built import Announce, Built
from catnap.services.containers.commit import commit_of
from catnap.services.containers.packages import PYTHON
from catnap.services.containers.recipe import SCRIPT, TEMPLATE, Recipe
from catnap.services.containers.settings import BuildSettings
from catnap.skills.manifest import read_manifest

_PLACE = "/catnap/skill"


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
    host = lock.WORKSPACES if manifest.session.workspace else lock.HOST
    locked = own if own.is_file() else host
    sources = (folder, *parts.paths(parts.HOST), TEMPLATE, SCRIPT, host)
    recipe = Recipe(
        name=manifest.name,
        version=manifest.version,
        description=manifest.description,
        lock=lock.digest(locked),
        parts=parts.digest(parts.HOST),
        content=image.path.name,
        place=_PLACE,
        # -P: the skill's modules come first once Catnap's own are imported, no sooner.
        entrypoint=(PYTHON, "-P", "-m", "catnap.host", _PLACE),
        commit=settings.commit or await commit_of(sources),
    )
    inputs = Inputs(locked, parts.HOST, ((".", image.path),), host=host)
    return await build(recipe, inputs, settings, announce)
