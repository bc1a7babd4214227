"""`python -m catnap.host.describe FOLDER`: what a skill is, or why it is broken.

Prints one JSON line: {"kind", "stream", "input_schema", "output_schema"} and
exits with 0, or {"error"} and exits with 1. Run before a deploy, so that a
broken skill does not replace the one that works.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from catnap.errors import CatnapError
from catnap.host.loader import load
from catnap.host.native import Native
from catnap.host.preload import preload
from catnap.host.process import leave
from catnap.skills.manifest import read_manifest


def describe(folder: str) -> dict[str, Any]:
    """Loads the skill, after what it has preloaded, and tells what it takes and
    gives. Raises as `load` and `preload`."""
    preload(read_manifest(Path(folder)).scale.preload)
    function = load(folder).function
    native = function.skill if isinstance(function, Native) else None
    accepts, gives = native.schemas() if native else (None, None)
    return {
        "kind": function.kind,
        "stream": native is not None and native.is_stream,
        "input_schema": accepts,
        "output_schema": gives,
    }


def main(argv: Sequence[str]) -> int:
    if not sys.flags.safe_path:
        del sys.path[0]
    # What the skill prints while it is imported must not get into the answer.
    answer = os.dup(1)
    os.dup2(2, 1)
    try:
        [folder] = argv
        found, status = describe(folder), 0
    except ValueError:
        found, status = {"error": "usage: python -m catnap.host.describe FOLDER"}, 1
    except CatnapError as error:
        found, status = {"error": error.message}, 1
    with os.fdopen(answer, "wb") as stream:
        stream.write(msgspec.json.encode(found) + b"\n")
    return status


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
