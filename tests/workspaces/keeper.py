"""A process of its own that snapshots one workspace again and again, for tests.

Each generation rewrites every file, and removes and makes some; a line tells of
each snapshot that was taken. The folder is made anew from the head at first.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "runtime"))

from catnap.files import FolderStore
from catnap.store import Store
from catnap.workspaces import TABLES, Workspace, Workspaces

MINE = Workspace("acme", "ada", "coder", "s1")


def generation(folder: Path) -> int:
    """The one that the folder is of as a whole. Raises AssertionError."""
    files = sorted(folder.rglob("*.bin"))
    if not files:
        return 0
    number = int.from_bytes(files[0].read_bytes()[:8], "big")
    assert [file.relative_to(folder) for file in files] == names(number)
    for file in files:
        content = file.read_bytes()
        assert content[:8] == number.to_bytes(8, "big")
        assert content[8:] == filler(number, file.name, len(content) - 8)
    return number


def names(number: int) -> list[Path]:
    chosen = random.Random(number).sample(range(40), 30)
    return sorted(Path(f"d{each % 4}/{each}.bin") for each in chosen)


def filler(number: int, name: str, size: int) -> bytes:
    return random.Random(f"{number} {name}").randbytes(size)


def write(folder: Path, number: int) -> None:
    for file in folder.rglob("*.bin"):
        file.unlink()
    for name in names(number):
        size = 1_200_000 if name.stem == "7" else 2_000
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(number.to_bytes(8, "big") + filler(number, name.name, size))


async def main(home: Path) -> None:
    workspaces = Workspaces(FolderStore(home / "objects"), Store(home / "catnap.db", [TABLES]))
    folder = Path(tempfile.mkdtemp(dir=home))
    held = await workspaces.claim(MINE)
    index = await workspaces.restore(held, folder)
    number = generation(folder)
    await workspaces.sweep(held)
    while True:
        number += 1
        write(folder, number)
        held, index = await workspaces.snapshot(held, folder, index)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
