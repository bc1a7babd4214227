"""What an image is made of. Pure: the same recipe is the same image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from catnap.services.containers.base import Base

_HERE = Path(__file__).parent
_OCI = "org.opencontainers.image."
TEMPLATE = _HERE / "Dockerfile"
SCRIPT = _HERE / "assemble.py"


@dataclass(frozen=True)
class Recipe:
    """name, version, description: as labels tell them. lock, parts, content:
    digests of the locked packages, of Catnap's own code and of what the image
    is there for, which stands at `place`. entrypoint: what it runs. commit:
    the source's, or empty."""

    name: str
    version: str
    description: str
    lock: str
    parts: str
    content: str
    place: str
    entrypoint: tuple[str, ...]
    commit: str

    def tag(self, base: Base) -> str:
        """Names everything that the image depends on, so that it is known
        whether there is one before it is built."""
        made_of = msgspec.json.encode((self, base.id, TEMPLATE.read_text(), SCRIPT.read_text()))
        return hashlib.sha256(made_of).hexdigest()[:16]

    def labels(self, base: Base) -> dict[str, str]:
        """Source of the names: OCI image specification, annotations."""
        told = {
            _OCI + "title": self.name,
            _OCI + "version": self.version,
            _OCI + "description": self.description,
            _OCI + "revision": self.commit,
            _OCI + "base.name": base.reference,
            _OCI + "base.digest": base.digest,
            "dev.catnap.lock": f"sha256:{self.lock}",
        }
        return {name: text for name, text in told.items() if text}

    def dockerfile(self, base: Base) -> str:
        told = (f"{_quoted(name)}={_quoted(text)}" for name, text in self.labels(base).items())
        filled = {
            "@CONTENT@": self.place,
            "@ENTRYPOINT@": msgspec.json.encode(self.entrypoint).decode(),
            "@LABELS@": " ".join(told),
        }
        text = TEMPLATE.read_text()
        for place, value in filled.items():
            text = text.replace(place, value)
        return text


def _quoted(text: str) -> str:
    """As one word of a Dockerfile, in which nothing is expanded."""
    return msgspec.json.encode(" ".join(text.split())).decode().replace("$", "\\$")
