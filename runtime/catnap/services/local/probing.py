"""Asks instances how they are."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

from catnap.errors import CatnapError
from catnap.http import Client, Target
from catnap.services.probes import Health, Probe

_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


async def answers(client: Client, target: Target, path: str, timeout: float) -> bool:
    """Whether a GET of the path is answered well within so many seconds; an
    empty path asks for no more than a connection. Where we cannot ask, for want
    of a descriptor or of memory, nothing is held against it."""
    try:
        async with asyncio.timeout(timeout):
            if not path:
                return await _connects(target)
            reply = await client.request(target, "GET", path)
            await reply.read()
    except (OSError, TimeoutError, CatnapError) as error:
        cause = error.__cause__ or error
        return isinstance(cause, OSError) and cause.errno in _OURS
    return 200 <= reply.status < 400


async def follow(
    probe: Probe, client: Client, target: Target, turned: Callable[[bool], None]
) -> None:
    """Probes for ever. turned: called with whether it is well, each time that
    this has changed; at first it is."""
    health = Health(probe)
    await asyncio.sleep(probe.delay)
    while True:
        before = health.well
        health.heard(await answers(client, target, probe.path, probe.timeout))
        if health.well != before:
            turned(health.well)
        await asyncio.sleep(probe.period)


async def _connects(target: Target) -> bool:
    _, writer = await asyncio.open_unix_connection(target.path)
    writer.close()
    return True
