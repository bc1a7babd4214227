"""What a skill says of itself, once it is loaded."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from catnap.errors import InvalidRequest
from catnap.services.images import Image

TIMEOUT = 60.0


class Description(msgspec.Struct, frozen=True):
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    kind: str = "catnap"
    stream: bool = False
    error: str = ""


async def describe(image: Image, python: Path, env: Mapping[str, str]) -> Description:
    """Loads the skill once, in a process of its own, and keeps what it said
    beside the image. env: what the manifest sets.

    Raises InvalidRequest with the reason where it cannot be loaded.
    """
    kept = image.path.with_suffix(".json")
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
        return msgspec.json.decode(await asyncio.to_thread(kept.read_bytes), type=Description)
    described = await _load(image, python, env)
    if described.error:
        raise InvalidRequest(described.error.removeprefix(f"cannot load {image.path.resolve()}: "))
    await asyncio.to_thread(_keep, kept, described)
    return described


async def _load(image: Image, python: Path, env: Mapping[str, str]) -> Description:
    source = {"PYTHONPATH": str(Path(__file__).parents[2])}
    ours = python == Path(sys.executable)
    folder = image.path.resolve()
    state = folder.parents[1]
    with tempfile.TemporaryDirectory(prefix="catnap-") as scratch:
        process = await asyncio.create_subprocess_exec(
            *(str(python), "-m", "catnap.host.describe", *map(str, (folder, state, scratch))),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                **env,
                **(source if ours else {}),
                "TMPDIR": scratch,
            },
        )
        try:
            async with asyncio.timeout(TIMEOUT):
                out, err = await process.communicate()
        except TimeoutError:
            raise InvalidRequest(f"importing it took more than {TIMEOUT:.0f} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
    try:
        return msgspec.json.decode(out.splitlines()[-1], type=Description)
    except (IndexError, msgspec.DecodeError):
        last = err.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise InvalidRequest(f"it ended while it was imported: {last[0]}") from None


def _keep(path: Path, described: Description) -> None:
    scratch = path.with_suffix(".new")
    scratch.write_bytes(msgspec.json.encode(described))
    scratch.replace(path)
