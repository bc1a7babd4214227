"""Real images, by whichever builder this machine has."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest, Unavailable
from catnap.services.containers import build_skill
from catnap.services.containers.process import ProgramFailed
from tests.services.containers.conftest import Workshop

pytestmark = pytest.mark.timeout(600)

Write = Callable[[str], Path]


def silent(line: str) -> None:
    pass


async def test_skills_without_requirements_share_all_layers_but_the_last(
    workshop: Workshop, skill: Write, tmp_path: Path
) -> None:
    first = await build_skill(skill("one"), workshop.settings, silent)
    second = await build_skill(skill("two"), workshop.settings, silent)
    *shared, own = await workshop.layers(first, tmp_path)
    *others, other = await workshop.layers(second, tmp_path)
    assert shared == others
    assert own != other
    base = await workshop.config(workshop.settings.base, tmp_path)
    assert len(shared) == len(base["rootfs"]["diff_ids"]) + 3  # Python, packages, Catnap


async def test_the_same_input_is_the_same_image_whenever_and_wherever_it_is_built(
    workshop: Workshop, skill: Write, tmp_path: Path
) -> None:
    folder = skill("same")
    first = await build_skill(folder, replace(workshop.settings, force=True), silent)
    layers = await workshop.layers(first, tmp_path)
    os.utime(folder / "main.py", (1, 1))
    (folder / "main.py").chmod(0o600)
    elsewhere = replace(workshop.settings, home=tmp_path / "elsewhere", force=True)
    umask = os.umask(0o077)
    try:
        second = await build_skill(folder, elsewhere, silent)
    finally:
        os.umask(umask)
    assert not second.cached
    assert second.reference == first.reference
    assert second.sbom.read_text() == first.sbom.read_text()
    assert await workshop.layers(second, tmp_path) == layers
    if not (await workshop.config(second.reference, tmp_path))["created"].startswith("1970"):
        pytest.skip("the layers are the same; but a Docker older than 23 dates the image itself")
    assert second.digest == first.digest


async def test_what_is_built_is_left_as_it_is_until_it_changes(
    workshop: Workshop, skill: Write
) -> None:
    folder, said = skill("again"), list[str]()
    first = await build_skill(folder, workshop.settings, said.append)
    assert not first.cached
    assert [line.partition(" in ")[0] for line in said] == ["again: building", "again: built"]
    again = await build_skill(folder, workshop.settings, said.append)
    assert again.cached
    assert (again.reference, again.digest, len(said)) == (first.reference, first.digest, 2)
    (folder / "main.py").write_text("# edited\n" + (folder / "main.py").read_text())
    edited = await build_skill(folder, workshop.settings, silent)
    assert not edited.cached
    assert edited.reference != first.reference


async def test_an_image_runs_the_skill_as_nobody_and_says_what_it_is(
    workshop: Workshop, skill: Write, tmp_path: Path
) -> None:
    settings = replace(workshop.settings, commit="0123abc")
    folder = skill("whole")
    told = 'Costs "$5" \\\\ or ünder; says what it is.'
    (folder / "skill.toml").write_text(f"name = 'whole'\ndescription = '''{told}'''\n")
    built = await build_skill(folder, settings, silent)
    config = (await workshop.config(built.reference, tmp_path))["config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == [
        "/catnap/bin/python",
        "-P",
        "-m",
        "catnap.host",
        "/catnap/skill",
    ]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "whole"
    assert labels["org.opencontainers.image.description"] == told
    assert labels["org.opencontainers.image.revision"] == "0123abc"
    assert labels["dev.catnap.lock"].startswith("sha256:")
    script = (
        "import json, os, sys, httptools, msgspec, catnap.host.app\n"
        "from catnap.host.loader import load\n"
        "loaded = load('/catnap/skill')\n"
        "own = [m.__cached__ for m in (sys.modules['main'], msgspec, catnap.host.app)]\n"
        "print(json.dumps({'uid': os.getuid(), 'skill': loaded.manifest.name,\n"
        "    'compiled': [os.path.exists(each) for each in own],\n"
        "    'writable': [p for p in ('/catnap/skill', '/catnap') if os.access(p, os.W_OK)]}))"
    )
    said = await workshop.builder.look(built.reference, ("/catnap/bin/python", "-c", script))
    line = next(line for line in said.splitlines() if line.startswith("{"))
    assert json.loads(line) == {
        "uid": 65532,
        "skill": "whole",
        "compiled": [True, True, True],
        "writable": [],
    }


async def test_compiled_code_is_taken_though_no_date_fits(workshop: Workshop, skill: Write) -> None:
    built = await build_skill(skill("dated"), workshop.settings, silent)
    script = (
        "import sys; sys.path.insert(0, '/catnap/skill'); import main, msgspec, catnap.host.app"
    )
    command = ("/catnap/bin/python", "-v", "-c", script)
    said = await workshop.builder.look(
        built.reference, ("/bin/sh", "-c", '"$@" 2>&1', "sh", *command)
    )
    compiled = [line for line in said.splitlines() if "# code object from" in line]
    assert any("/catnap/skill/main." in line for line in compiled)
    assert any("/asyncio/events." in line for line in compiled)
    assert not [line for line in compiled if line.endswith(".py'")]


async def test_a_base_without_python_is_refused_with_what_to_do(
    workshop: Workshop, skill: Write, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    await workshop.builder.build(
        tmp_path / "empty", "dev.local/catnap-test:1", workshop.settings.base, False
    )
    settings = replace(workshop.settings, base="dev.local/catnap-test:1")
    with pytest.raises(InvalidRequest, match=r"cannot run python3 in .*must name .* 3\.11"):
        await build_skill(skill("baseless"), settings, silent)


async def test_a_base_that_is_nowhere_is_named(workshop: Workshop, skill: Write) -> None:
    settings = replace(workshop.settings, base="localhost:1/nowhere:1")
    with pytest.raises(InvalidRequest, match="localhost:1/nowhere:1 is not to be had"):
        await build_skill(skill("baseless"), settings, silent)


async def test_a_build_that_fails_tells_the_last_that_was_said(
    workshop: Workshop, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        'ARG BASE\nFROM ${BASE}\nRUN ["python3", "-c", "raise SystemExit(\'no such luck\')"]\n'
    )
    with pytest.raises(ProgramFailed, match="no such luck"):
        await workshop.builder.build(
            tmp_path, "dev.local/catnap-test:1", workshop.settings.base, False
        )


async def test_the_network_is_away_while_it_is_built(workshop: Workshop, tmp_path: Path) -> None:
    script = "import socket; socket.create_connection(('127.0.0.53', 53), 1)"
    (tmp_path / "Dockerfile").write_text(
        f'ARG BASE\nFROM ${{BASE}}\nRUN ["python3", "-c", "{script}"]\n'
    )
    with pytest.raises(Unavailable):
        await workshop.builder.build(
            tmp_path, "dev.local/catnap-test:1", workshop.settings.base, True
        )
