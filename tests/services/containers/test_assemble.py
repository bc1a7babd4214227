"""What the script inside the build leaves of a folder."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from catnap.services.containers.assemble import compile_all, settle


def tree(root: Path, mode: int, when: int) -> Path:
    (root / "package").mkdir(parents=True)
    (root / "package" / "module.py").write_text("x = 1\n")
    (root / "package" / "other_python.py").write_text("print 'x'\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o744 & mode)
    (root / "package" / "module.py").chmod(0o666 & mode)
    (root / "link").symlink_to("run.sh")
    for path in (root, *root.rglob("*")):
        os.utime(path, (when, when), follow_symlinks=False)
    return root


def facts(root: Path) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for path in sorted((root, *root.rglob("*"))):
        status = path.lstat()
        regular = stat.S_ISREG(status.st_mode)
        content = hashlib.sha256(path.read_bytes()).hexdigest() if regular else ""
        found.append((path.relative_to(root), status.st_mode, status.st_mtime, content))
    return found


def test_the_same_content_is_the_same_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once, again = tree(tmp_path / "a" / "t", 0o777, 1000), tree(tmp_path / "b" / "t", 0o700, 2000)
    for root in (once, again):
        monkeypatch.chdir(root)  # so that compiled code names its file alike
        compile_all(Path())
        settle(Path())
    assert facts(once) == facts(again)


def test_code_is_compiled_so_that_no_date_is_looked_at(tmp_path: Path) -> None:
    compile_all(tree(tmp_path / "t", 0o777, 1000))
    [compiled] = (tmp_path / "t" / "package" / "__pycache__").iterdir()
    flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
    assert flags == 0b01  # hashed, and never checked: PEP 552


def test_everybody_may_read_and_only_the_owner_write(tmp_path: Path) -> None:
    settle(tree(tmp_path / "t", 0o700, 1000))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "t").rglob("*")}
    assert modes["run.sh"] == modes["package"] == 0o755
    assert modes["module.py"] == 0o644
