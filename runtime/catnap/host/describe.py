"""`python -m catnap.host.describe FOLDER STATE SCRATCH`: what a skill is.

Prints one JSON line: {"kind", "stream", "input_schema", "output_schema"} and
exits with 0, or {"error"}, why it is broken, and exits with 1. Run before a
deploy, so that a broken skill does not replace the one that works. Confined as
an instance is, STATE being the platform's folder and SCRATCH where it writes;
whatever the skill has started by then ends with it.
"""

from __future__ import annotations

import compileall
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from catnap.errors import CatnapError
from catnap.host import confine, process
from catnap.host.loader import load
from catnap.host.native import Native
from catnap.host.offspring import end_children
from catnap.host.preload import preload
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
    process.die_with_parent()
    process.adopt()
    try:
        folder, state, scratch = argv
        # Nobody can write it later, and every start wants it.
        compileall.compile_dir(folder, quiet=2)
        ruleset = confine.prepare(confine.readable(state, os.environ))
        confine.close(ruleset, folder, [scratch], [])
        found, status = describe(folder), 0
    except ValueError:
        found, status = {"error": "usage: python -m catnap.host.describe FOLDER STATE SCRATCH"}, 1
    except CatnapError as error:
        found, status = {"error": error.message}, 1
    with os.fdopen(answer, "wb") as stream:
        stream.write(msgspec.json.encode(found) + b"\n")
    end_children()
    return status


if __name__ == "__main__":
    process.leave(main(sys.argv[1:]))
