"""An image, handed to where a cluster finds it."""

from __future__ import annotations

from catnap.errors import Unavailable
from catnap.services.containers.built import Announce, Built
from catnap.services.containers.settings import BuildSettings


async def publish(built: Built, settings: BuildSettings, announce: Announce, target: str) -> str:
    """Pushes to the registry or runs the load command; gives the reference to
    put in a pod's spec. target: the cluster's identity, so that what it has is
    not sent again."""
    raise Unavailable("images cannot be published yet")
