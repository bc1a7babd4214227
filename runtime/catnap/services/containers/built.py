"""An image that was built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Announce = Callable[[str], None]
"""Takes a line for whoever waits."""


@dataclass(frozen=True)
class Built:
    """name: the skill's, or catnap-gateway or catnap-models. reference:
    `dev.local/<name>:<tag>` in the builder's own store; the tag is a hash of
    all that the image is made of. digest: `sha256:...` of the image's
    configuration, which names every layer. sbom: CycloneDX JSON. seconds: what
    it took. cached: it was there already."""

    name: str
    reference: str
    digest: str
    sbom: Path
    seconds: float
    cached: bool
