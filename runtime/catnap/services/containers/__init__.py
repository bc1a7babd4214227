"""Skills, the gateway and the model server as OCI images.

build_skill, build_platform   an image in the builder's own store, unless it is there
publish                       the image where a cluster finds it
"""

from catnap.services.containers.build import build_platform, build_skill
from catnap.services.containers.built import Announce, Built
from catnap.services.containers.publish import publish
from catnap.services.containers.settings import BuildSettings

__all__ = ["Announce", "BuildSettings", "Built", "build_platform", "build_skill", "publish"]
