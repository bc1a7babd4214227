"""Runs inside the build, as a script of the base image's own Python:

    assemble.py python             a venv, and the standard library compiled
    assemble.py packages           /build/packages takes its place in that venv
    assemble.py content FOLDER     /build/content goes to FOLDER

Each makes its part of /catnap, and leaves it in /layer: the same files for the
same input, readable by all, writable by root alone, dated 1970, and compiled so
that no date is looked at. Compiled code goes where PYTHONPYCACHEPREFIX says.
"""

import compileall
import os
import re
import shutil
import sys
import sysconfig
import venv
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path("/catnap")
SITE = ROOT / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
BUILD = Path("/build")
LAYER = Path("/layer")
"""What is copied from here, folder by folder, keeps its date; a folder that is the
whole of a copy does not, in every builder."""

_NEVER_IMPORTED = re.compile(
    r"/(tests?|idlelib|turtledemo|lib2to3|ensurepip|tkinter|config-[^/]*)/"
    r"|^/usr/.*/(site|dist)-packages/|^/catnap/bin/"
)


def python() -> None:
    venv.EnvBuilder(symlinks=True, with_pip=False).create(ROOT)
    for path in ROOT.glob("bin/[Aa]ctivate*"):
        path.unlink()
    shutil.rmtree(ROOT / "include", ignore_errors=True)
    compile_all(Path(sysconfig.get_path("stdlib")))


def packages() -> None:
    """What they bring as commands stands beside the interpreter."""
    shutil.copytree(BUILD / "packages", SITE)
    if (SITE / "bin").is_dir():
        shutil.move(SITE / "bin", ROOT / "bin")
    compile_all(ROOT)


def content(folder: str) -> None:
    shutil.copytree(BUILD / "content", folder)
    compile_all(ROOT)


def main(words: list[str]) -> None:
    match words:
        case ["python"]:
            python()
        case ["packages"]:
            packages()
        case ["content", folder]:
            content(folder)
    LAYER.mkdir(0o755)
    ROOT.rename(LAYER / ROOT.name)
    settle(LAYER)


def compile_all(folder: Path) -> None:
    compileall.compile_dir(
        folder,
        maxlevels=100,
        workers=0,  # all cores
        quiet=2,  # a file that is not meant to be imported may be no Python of this version
        rx=_NEVER_IMPORTED,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


def settle(root: Path) -> None:
    """Makes a file's mode and date depend on nothing but what it is."""
    for path in (*root.rglob("*"), root):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (0, 0), follow_symlinks=False)


if __name__ == "__main__":
    main(sys.argv[1:])
