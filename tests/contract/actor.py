"""A skill that does as it is told. It tells the test of a call by connecting
to the socket in DESK, and goes on when the test says so."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any

from catnap import Context, SkillError, skill

if os.environ.get("BROKEN"):
    raise RuntimeError("it was told not to start")


async def act(request: dict[str, Any], env: Mapping[str, str]) -> Any:
    match request:
        case {"do": "fail"}:
            raise ValueError("it broke")
        case {"do": "decline"}:
            raise SkillError("not today")
        case {"do": "exit"}:
            raise SystemExit(7)
        case {"do": "env", "name": name}:
            return env.get(name)
        case {"do": "wait"}:
            await report(request, env)
    return request


async def report(request: dict[str, Any], env: Mapping[str, str]) -> None:
    reader, writer = await asyncio.open_unix_connection(env["DESK"])
    try:
        writer.write(f"{request.get('as', '')}\n".encode())
        await reader.readline()
    finally:
        writer.close()


async def stream(request: dict[str, Any], env: Mapping[str, str]) -> AsyncIterator[bytes]:
    yield b"first"
    await report(request, env)
    yield b"last"


@skill
async def main(ctx: Context, request: dict[str, Any]) -> Any:
    if request.get("do") == "exit":
        os._exit(7)
    return await act(request, os.environ)


@skill
async def streamed(ctx: Context, request: dict[str, Any]) -> AsyncIterator[bytes]:
    async for part in stream(request, os.environ):
        yield part
