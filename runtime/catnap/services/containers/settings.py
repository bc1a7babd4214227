"""What the building of images is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from catnap.errors import InvalidRequest

BUILDERS = ("docker", "podman", "buildah")
DEFAULT_BASE = "docker.io/library/python:3.11-slim"
AT_ONCE = 2
"""Images built at once: a build takes what a machine has."""


@dataclass(frozen=True)
class BuildSettings:
    """base: the image that ours begin with: Python 3.11 or newer, with glibc.
    registry: where images are pushed, host[:port][/path]. load_command: what
    takes an image archive instead, its path in place of `{}` or at the end.
    builder: docker, podman or buildah; empty for the first that answers.
    home: the state folder. commit: the source's; empty to ask git. force:
    build and publish again what is there already.
    """

    base: str = DEFAULT_BASE
    registry: str = ""
    load_command: str = ""
    builder: str = ""
    home: Path = Path(".catnap")
    commit: str = ""
    force: bool = False

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> BuildSettings:
        """Raises InvalidRequest, naming the variable."""
        builder = environment.get("CATNAP_BUILDER", "")
        if builder and builder not in BUILDERS:
            raise InvalidRequest(f"CATNAP_BUILDER={builder}: must be one of {', '.join(BUILDERS)}")
        registry = environment.get("REGISTRY", "").rstrip("/")
        if "://" in registry:
            raise InvalidRequest(f"REGISTRY={registry}: write host[:port][/path], without a scheme")
        return cls(
            base=environment.get("CATNAP_BASE") or DEFAULT_BASE,
            registry=registry,
            load_command=environment.get("LOAD_COMMAND", ""),
            builder=builder,
            home=Path(environment.get("CATNAP_HOME") or ".catnap"),
            commit=environment.get("CATNAP_COMMIT", ""),
        )
