"""The model server as a process of the gateway's: started, watched, ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from pathlib import Path

from catnap.errors import Unavailable

START = 120.0
"""Seconds it may take to build the model, if it must, and to load it."""

_log = logging.getLogger(__name__)


class ModelServer:
    def __init__(
        self,
        home: Path,
        address: str,
        models: Path | None = None,
        traces: Path | None = None,
    ) -> None:
        """models: the models.toml, which it reads by itself. traces: where it
        writes spans, if anywhere."""
        self._arguments = ["--address", address, "--home", str(home)]
        if models:
            self._arguments += ["--models", str(models)]
        if traces:
            self._arguments += ["--traces", str(traces)]
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Ready when the server is; nothing where it runs. Raises Unavailable."""
        if self._process:
            return
        await self._start()
        self._watching = asyncio.create_task(self._watch())

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "catnap.models", "--die-with-parent", *self._arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        said = self._process.stdout
        assert said
        try:
            async with asyncio.timeout(START):
                line = await said.readline()  # it says one line, `ready`, and no more
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise Unavailable(f"the model server was not ready after {START:.0f} s") from None
        if not line.startswith(b"ready"):
            status = await self._process.wait()
            raise Unavailable(f"the model server ended with status {status} before it was ready")

    async def _watch(self) -> None:
        """Starts it again when it ends, with a pause that grows."""
        pause = 0.5
        while self._process:
            status = await self._process.wait()
            _log.warning("the model server ended with status %s; starting it again", status)
            await asyncio.sleep(pause)
            pause = min(30.0, pause * 2)
            with contextlib.suppress(Unavailable):
                await self._start()
                pause = 0.5

    async def close(self) -> None:
        """It may be started again."""
        if self._watching:
            self._watching.cancel()
        process, self._process = self._process, None
        if process and process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
