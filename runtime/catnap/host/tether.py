"""`python -m catnap.host.tether MODULE [ARGUMENT]...`: as `python -m MODULE`, but
killed with the process that started it. So is the program that it becomes."""

from __future__ import annotations

import runpy
import sys

from catnap.host import process

if __name__ == "__main__":
    process.die_with_parent()
    del sys.argv[0]
    if not sys.flags.safe_path:
        del sys.path[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
