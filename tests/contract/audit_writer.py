"""Writes records for ever, some waited for and some not, and prints the number
of each that it was told is kept. Arguments: where the store is, the folder of
the heads, and a name of its own."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from pathlib import Path

from catnap.access.audit import Audit
from catnap.access.audit_record import Entry, Kind, moment
from catnap.access.audit_rows import TABLES
from catnap.store import Store


async def main(place: str, folder: str, name: str) -> None:
    audit = Audit(Store(place, [TABLES]), Path(folder), b"k" * 32)

    def entry(kind: Kind, detail: str) -> Entry:
        when = moment(time.time())
        return Entry(tenant="acme", time=when, kind=kind, outcome="ok", detail=detail)

    for number in itertools.count():
        audit.later(entry("call", f"{name} {number}"))
        await audit.write(entry("action", f"{name} {number}"))
        os.write(1, f"{number}\n".encode())


asyncio.run(main(*sys.argv[1:]))
