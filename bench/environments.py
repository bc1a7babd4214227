"""Environments of the servers that are compared: one each, with pinned versions.

They lie in .tools/bench-host and are made anew when what they should hold
changes. Everything in them is compiled to bytecode, as in a good image.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".tools" / "bench-host"
HOST_LOCK = ROOT / "runtime/catnap/services/containers/locks/host.txt"
UVLOOP = "uvloop==0.23.0"

FAST = ("httptools==0.9.0", UVLOOP)
"""What uvicorn takes by itself where it is installed."""

FRAMEWORK = (
    "functions-framework==3.10.2",
    "cloudevents==1.12.0",
    "flask==3.1.3",
    "gunicorn==27.0.1",
    "starlette==1.10.0",
    "uvicorn==0.54.0",
    "uvicorn-worker==0.4.0",
)

PINNED = {
    "framework": FRAMEWORK,
    "framework-fast": (*FRAMEWORK, *FAST),
    "knative": ("func-python==0.8.1", "cloudevents==2.2.0", "hypercorn==0.17.3"),
    "uvicorn": ("uvicorn==0.54.0", *FAST),
    "catnap": ("httptools", "msgspec", "-c", str(HOST_LOCK)),
    "catnap-uvloop": ("httptools", "msgspec", UVLOOP, "-c", str(HOST_LOCK)),
}
"""What `uv pip install` is given for each. Catnap itself comes from the checkout."""


def python(name: str) -> Path:
    """The interpreter of an environment, which is made if it is not there."""
    folder = PLACE / name
    executable = folder / "bin" / "python"
    mark = folder / "made-of"
    wanted = _digest(PINNED[name])
    if mark.is_file() and mark.read_text() == wanted:
        return executable
    print(f"  makes {folder.relative_to(ROOT)}", flush=True)
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "venv", "--quiet", "--clear", "--python", Path(sys.executable).resolve(), folder],
        check=True,
    )
    command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", executable]
    subprocess.run([*command, *PINNED[name]], check=True)
    mark.write_text(wanted)
    return executable


def _digest(pinned: tuple[str, ...]) -> str:
    lock = HOST_LOCK.read_bytes() if "-c" in pinned else b""
    return hashlib.sha256(" ".join((*pinned, sys.version)).encode() + lock).hexdigest()
