"""What is tethered does not outlive who started it."""

from __future__ import annotations

import subprocess
import sys

from .conftest import ENV
from .test_zygote import gone

STARTER = """
import subprocess, sys
from pathlib import Path
Path("held.py").write_text(
    "import os, sys; print(os.getpid(), sys.argv[1], flush=True); "
    "os.execvp('sleep', ['sleep', '600'])"
)
tether = [sys.executable, "-m", "catnap.host.tether", "held", "argument"]
subprocess.Popen(tether, start_new_session=True).wait()
"""


def test_what_it_became_is_killed_with_who_started_it(tmp_path):
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER],
        cwd=tmp_path,
        env={**ENV, "PYTHONPATH": f"{ENV['PYTHONPATH']}:{tmp_path}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with starter:
        pid, argument = starter.stdout.readline().split()
        starter.kill()
    assert argument == "argument"
    gone(int(pid))
