"""From a skill's folder to its image; and the platform's own two."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from catnap.errors import Unavailable
from catnap.services.containers.built import Announce, Built
from catnap.services.containers.settings import BuildSettings

Platform = Literal["gateway", "models"]


async def build_skill(folder: Path, settings: BuildSettings, announce: Announce) -> Built:
    """The image of a skill."""
    raise Unavailable("images cannot be built yet")


async def build_platform(kind: Platform, settings: BuildSettings, announce: Announce) -> Built:
    """The image of the gateway or of the model server."""
    raise Unavailable("images cannot be built yet")
