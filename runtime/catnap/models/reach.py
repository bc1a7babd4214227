"""Whether anybody listens at a server's address."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

PATIENCE = 2.0
"""Seconds for a connection: where nobody runs, some networks say nothing."""


async def answers(address: str) -> bool:
    """address: as models.toml has it."""
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await _connect(address)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.startswith("unix:"):
        return await asyncio.open_unix_connection(address.removeprefix("unix:"))
    parts = urlsplit(address if "://" in address else f"//{address}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return await asyncio.open_connection(parts.hostname, port)
