"""What a skill's author imports: the decorator, the Context, the manifest."""

from catnap.skills.context import Context
from catnap.skills.decorator import Skill, skill
from catnap.skills.manifest import Manifest, read_manifest

__all__ = ["Context", "Manifest", "Skill", "read_manifest", "skill"]
