"""A skill's folder, taken as it is and shown to work: read, copied, loaded once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from catnap.errors import InvalidRequest
from catnap.services import environment, images
from catnap.services.catalog import Announce
from catnap.services.describe import Description, describe
from catnap.services.images import Image
from catnap.skills.manifest import Manifest, read_manifest


@dataclass(frozen=True)
class Source:
    manifest: Manifest
    image: Image
    description: Description


async def again(image: Image, home: Path) -> Source:
    """What was loaded once, of its image. Raises as `load`."""
    manifest = await asyncio.to_thread(read_manifest, image.path)
    python = await environment.ensure(image.path, home)
    return Source(manifest, image, await describe(image, python, manifest.env))


async def load(folder: Path, home: Path, announce: Announce) -> Source:
    """Raises InvalidRequest with the reason where it cannot be served: the
    manifest, the requirements, or what happened while it was imported."""
    manifest = await asyncio.to_thread(read_manifest, folder)
    if manifest.name != folder.name:
        raise InvalidRequest(
            f"{folder}/skill.toml: name is {manifest.name!r}, the folder is {folder.name!r}: "
            "they must be the same"
        )
    image = await asyncio.to_thread(images.build, folder, home)
    if not environment.is_ready(folder, home):
        announce(f"{manifest.name}: installing its requirements")
    # The copy counts from here on: the folder may be edited meanwhile.
    return await again(image, home)
