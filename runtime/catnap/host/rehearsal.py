"""What a child does before it is born: it serves itself one call.

A forked process shares its parent's memory page by page until it writes, and
Python writes wherever it looks, to count references. To copy a page costs more
than what is done on it; so a child that is ahead has the pages copied that a
start takes, while nobody waits.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

from catnap.host.instance import run
from catnap.host.loader import Loaded
from catnap.host.native import Native
from catnap.host.settings import Settings
from catnap.host.threads import Threads
from catnap.skills import Context, skill
from catnap.skills.decorator import ATTRIBUTE
from catnap.skills.manifest import parse_manifest

_REQUEST = (
    b"POST / HTTP/1.1\r\nhost: rehearsal\r\ncontent-type: application/json\r\n"
    b"content-length: 1\r\n\r\n1"
)


@skill
async def _answer(ctx: Context, request: int) -> int:
    return request


def rehearse() -> None:
    """Leaves no trace but memory."""
    if sys.platform != "linux":
        return  # elsewhere a socket has no address of its own accord
    manifest = parse_manifest('name = "rehearsal"\ndescription = "rehearsal"')
    function = Native(getattr(_answer, ATTRIBUTE), Threads(1))
    with socket.socket(socket.AF_UNIX) as ours, socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind("")  # the kernel chooses
        address = theirs.getsockname()

        def call(_: object) -> None:
            ours.connect(address)
            ours.sendall(_REQUEST)
            asyncio.get_running_loop().add_reader(ours, answered)

        def answered() -> None:
            asyncio.get_running_loop().remove_reader(ours)
            os.kill(os.getpid(), signal.SIGINT)

        run(Loaded(manifest, "/", function, 1, 0.0), Settings(grace=0.0), theirs, call)
