"""Runs inside the build, as a script of the base image's own Python:

    assemble.py packages         /build/packages becomes a venv at /catnap
    assemble.py runtime          /build/catnap takes its place in that venv
    assemble.py content FOLDER   compiles what is there

Each ends with the same files for the same input: readable by all, writable by
root alone, dated 1970, and compiled so that no date is looked at.
"""

import compileall
import os
import re
import shutil
import sys
import venv
from pathlib import Path
from py_compile import PycInvalidationMode

VENV = Path("/catnap")
BUILD = Path("/build")
SITE = VENV / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

_NEVER_IMPORTED = re.compile(r"/tests/|^/catnap/bin/")


def packages() -> None:
    venv.EnvBuilder(symlinks=True, with_pip=False).create(VENV)
    for path in (*VENV.glob("bin/[Aa]ctivate*"), *VENV.glob("bin/pip*")):
        path.unlink()
    shutil.rmtree(VENV / "include", ignore_errors=True)
    install(BUILD / "packages")
    settle(VENV)


def runtime() -> None:
    install(BUILD / "catnap")
    settle(VENV)


def install(packages: Path) -> None:
    """What they bring as commands stands beside the interpreter."""
    shutil.copytree(packages, SITE, dirs_exist_ok=True)
    if (SITE / "bin").is_dir():
        shutil.copytree(SITE / "bin", VENV / "bin", dirs_exist_ok=True)
        shutil.rmtree(SITE / "bin")


def content(folder: str) -> None:
    settle(Path(folder))


def settle(root: Path) -> None:
    """Compiles what can be compiled, and makes the rest of what a file is, its
    mode and date, depend on nothing but its content."""
    compileall.compile_dir(
        root,
        maxlevels=100,
        workers=0,  # all cores
        quiet=2,  # a file that is not meant to be imported may be no Python of this version
        rx=_NEVER_IMPORTED,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    for folder, _, names in os.walk(root, topdown=False):
        for path in (*(Path(folder, name) for name in names), Path(folder)):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            os.utime(path, (0, 0), follow_symlinks=False)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["packages"]:
            packages()
        case ["runtime"]:
            runtime()
        case ["content", folder]:
            content(folder)
