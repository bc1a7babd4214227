"""A skill's secrets, as its instance was given them: files in memory.

CATNAP_SECRETS names the place: a folder with a file for each, as a cluster
mounts it, or one file that is a JSON object of all, as the local platform
hands it over.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from catnap.errors import Unavailable


def mounted(place: str) -> list[str]:
    """The values of all that are in a folder."""
    # Beside its files, a mounted Secret has folders of its own whose names begin with a dot.
    return [each.read_text("utf-8") for each in Path(place).iterdir() if each.is_file()]


def redacted(text: str) -> str:
    """A text without what this instance was given."""
    from catnap.skills.redaction import Redaction

    place = os.environ.get("CATNAP_SECRETS", "")
    try:
        values = mounted(place) if os.path.isdir(place) else _handed(place).values()  # noqa: PTH112
    except OSError:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    return Redaction(values)(raw).decode("utf-8", "surrogatepass")


def secret(name: str) -> str:
    """Raises Unavailable, with what to do, where it is not there."""
    place = os.environ.get("CATNAP_SECRETS", "")
    try:
        # Not resolved: what stands for a descriptor leads nowhere by its name.
        if os.path.isdir(place):  # noqa: PTH112
            if Path(name).name == name:
                return Path(place, name).read_text("utf-8")
        elif place and name in (found := _handed(place)):
            return found[name]
    except (FileNotFoundError, IsADirectoryError):
        pass
    raise Unavailable(
        f"secret {name!r} is not there: name it in [secrets] of skill.toml, and set it with "
        f"`catnap secrets set {name}` before the instance starts"
    )


def _handed(place: str) -> dict[str, str]:
    return msgspec.json.decode(Path(place).read_bytes(), type=dict[str, str])
