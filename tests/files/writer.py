"""A process of its own that writes to a folder store, for tests.

rewrite: writes three files again and again, and a line for each.
create: creates forty files if they are not there, and a line for each it made.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "runtime"))

from catnap.errors import Conflict
from catnap.files import Condition, FolderStore


async def stream(byte: bytes) -> AsyncIterator[bytes]:
    for _ in range(1 + byte[0] % 4):
        yield byte * 700_000


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def rewrite(store: FolderStore) -> None:
    for number in range(1_000_000):
        byte = bytes([number % 251])
        await store.put(f"file-{number % 3}", stream(byte), content_type=f"test/{byte.hex()}")
        tell(f"{number}")


async def create(store: FolderStore) -> None:
    for number in range(40):
        try:
            await store.put(
                f"key-{number}",
                stream(b"\0"),
                content_type="test/0",
                condition=Condition(if_none_match="*"),
            )
        except Conflict:
            continue
        tell(f"key-{number}")


if __name__ == "__main__":
    work = {"rewrite": rewrite, "create": create}[sys.argv[1]]
    asyncio.run(work(FolderStore(Path(sys.argv[2]))))
