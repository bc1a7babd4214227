"""The skills that tests of a whole platform call."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def gather(folder: Path, *, cluster: bool) -> Path:
    """The tests' own skills and echo, in a folder that may be edited. A cluster
    gets all that come along too, and those that only make sense there."""
    sources = [ROOT / "tests" / "platform" / "functions"]
    if cluster:
        tests = ROOT / "tests"
        sources += [ROOT / "functions"]
        sources += [tests / "cluster" / "functions", tests / "workspaces" / "functions"]
    else:
        shutil.copytree(ROOT / "functions" / "echo", folder / "echo")
    for source in sources:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    _misbehaving(folder, "dies", timeout="30s")  # a restart may take a while
    _misbehaving(folder, "spins", timeout="3s")
    return folder


def _misbehaving(folder: Path, name: str, timeout: str) -> None:
    """A copy of its own for those who end it: Kubernetes starts a container
    that ends again and again later each time."""
    copy = shutil.copytree(folder / "misbehave", folder / name)
    manifest = (copy / "skill.toml").read_text().partition("[[triggers")[0]
    manifest = manifest.replace('"misbehave"', f'"{name}"').replace('"3s"', f'"{timeout}"')
    (copy / "skill.toml").write_text(manifest)
