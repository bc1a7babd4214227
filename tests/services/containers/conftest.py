"""A builder and a base for the tests that build, where this machine has them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catnap.errors import CatnapError
from catnap.services.containers import BuildSettings, Built
from catnap.services.containers.base import look
from catnap.services.containers.build import LOCAL
from catnap.services.containers.builder import Builder, find

BASES = ("dev.local/python:3.11", "docker.io/library/python:3.11-slim")


@pytest.hookimpl(tryfirst=True)  # before the marks are looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "workshop" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.images)


@dataclass(frozen=True)
class Workshop:
    """What a test builds with."""

    builder: Builder
    settings: BuildSettings

    def names(self, folder: Path) -> set[str]:
        """What was built with state folders below this one."""
        records = folder.rglob("containers/*/*.cdx.json")
        built = {f"{LOCAL}{path.parent.name}:{path.name.split('.')[0]}" for path in records}
        return built | {f"{LOCAL}catnap-test:1"}

    async def config(self, reference: str, folder: Path) -> Any:
        """An image's configuration, out of its archive."""
        archive = folder / "image.tar"
        await self.builder.save(reference, archive)
        with tarfile.open(archive) as tar:
            [manifest] = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
            config = json.load(tar.extractfile(manifest["Config"]))  # type: ignore[arg-type]
        archive.unlink()
        return config

    async def layers(self, built: Built, folder: Path) -> list[str]:
        """Digests of an image's layers, the base's first."""
        found: list[str] = (await self.config(built.reference, folder))["rootfs"]["diff_ids"]
        return found


@pytest.fixture(scope="session")
def _base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Builder, str]:
    home = tmp_path_factory.mktemp("base")

    async def choose() -> tuple[Builder, str]:
        builder = await find(os.environ.get("CATNAP_BUILDER", ""))
        wanted = os.environ.get("CATNAP_BASE")
        found = [base for base in BASES if await builder.image(base)]
        reference = wanted or next(iter(found), BASES[-1])
        await look(builder, reference, home)
        return builder, reference

    try:
        return asyncio.run(choose())
    except CatnapError as error:
        pytest.skip(f"no image can be built here: {error.message}")


@pytest.fixture
def workshop(_base: tuple[Builder, str], tmp_path: Path) -> Iterator[Workshop]:
    builder, reference = _base
    workshop = Workshop(builder, BuildSettings(base=reference, home=tmp_path / "home"))
    yield workshop
    for name in workshop.names(tmp_path):
        subprocess.run([builder.program, "rmi", name], capture_output=True)


@pytest.fixture
def skill(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a skill without requirements of its own."""

    def write(name: str) -> Path:
        folder = tmp_path / "functions" / name
        folder.mkdir(parents=True)
        (folder / "skill.toml").write_text(f'name = "{name}"\ndescription = "Says {name}."\n')
        (folder / "main.py").write_text(
            f"from catnap import skill\n\n\n@skill\ndef say(ctx, value):\n    return {name!r}\n"
        )
        return folder

    return write
