"""Accepts tasks for ever, many at once, and prints each id once it was
answered. Argument: where the store is."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys

from catnap.calls.ids import new_id
from catnap.store import Store
from catnap.tasks import TABLES, Acceptance, Journal, Task


async def main() -> None:
    journal = Journal(Store(sys.argv[1], [TABLES]))
    numbers = itertools.count()

    async def accept() -> None:
        for number in numbers:
            task = Task(id=new_id(), tenant="t", user="u", skill="s", created=0, updated=0, due=0)
            [(kept, _)] = await journal.accept([Acceptance(task, key=f"key {number}")])
            os.write(1, f"{kept.id} {number}\n".encode())

    await asyncio.gather(*(accept() for _ in range(16)))


asyncio.run(main())
