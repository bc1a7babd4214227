"""What of Catnap itself goes into an image."""

from __future__ import annotations

import hashlib
import shutil
from importlib.metadata import version
from pathlib import Path

from catnap.services import images
from catnap.services.containers.packages import PYTHON

ROOT = Path(__file__).parents[2]
"""The running `catnap` package."""

# No more than is imported, so that a change of the gateway is no new revision of
# every skill.
HOST = ("errors", "events", "host", "http", "skills", "snapshots")
MODELS = ("errors", "events", "http", "inference", "models", "skills", "traces")
ALL = ("",)

Parts = tuple[str, ...]

DISTRIBUTION = "catnap-functions"
_COMMAND = f"""\
#!{PYTHON} -P
import sys

from catnap.cli import main

sys.exit(main())
"""


def paths(parts: Parts) -> list[Path]:
    return [ROOT / "__init__.py", *(ROOT / part for part in parts)]


def digest(parts: Parts) -> str:
    whole = hashlib.sha256((ROOT / "__init__.py").read_bytes())
    for part in parts:
        whole.update(f"{part}\0{images.digest(ROOT / part)}\0".encode())
    return whole.hexdigest()


def copy(parts: Parts, into: Path) -> None:
    """The package, and what says its version; with all of it, its command."""
    (into / "catnap").mkdir(parents=True)
    shutil.copyfile(ROOT / "__init__.py", into / "catnap" / "__init__.py")
    left = shutil.ignore_patterns("__pycache__", "tests", ".*")
    for part in parts:
        shutil.copytree(ROOT / part, into / "catnap" / part, ignore=left, dirs_exist_ok=True)
    release = version(DISTRIBUTION)
    info = into / f"{DISTRIBUTION.replace('-', '_')}-{release}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {release}\n"
    )
    if parts == ALL:
        (into / "bin").mkdir()
        (into / "bin" / "catnap").write_text(_COMMAND)
        (into / "bin" / "catnap").chmod(0o755)
