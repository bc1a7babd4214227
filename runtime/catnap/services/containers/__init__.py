"""Skills, the gateway and the model server as OCI images.

build_skill, build_platform   an image in the builder's own store, unless it is there
publish                       the image where a cluster finds it
"""

from catnap.services.containers.built import Announce, Built
from catnap.services.containers.platform import PLATFORM, Platform, build_platform
from catnap.services.containers.publish import check, publish
from catnap.services.containers.settings import AT_ONCE, BuildSettings
from catnap.services.containers.skill import build_skill

__all__ = [
    "AT_ONCE",
    "PLATFORM",
    "Announce",
    "BuildSettings",
    "Built",
    "Platform",
    "build_platform",
    "build_skill",
    "check",
    "publish",
]
