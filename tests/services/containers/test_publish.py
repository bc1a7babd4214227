"""Images, handed to a real registry and to a load command."""

from __future__ import annotations

import json
import shlex
import sys
import tarfile
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest, Unavailable
from catnap.services.containers import Built, build_skill, publish
from catnap.services.containers.publish import load_words
from tests.services.containers import registry
from tests.services.containers.conftest import Workshop

Write = Callable[[str], Path]


def silent(line: str) -> None:
    pass


@pytest.fixture
async def built(workshop: Workshop, skill: Write) -> Built:
    return await build_skill(skill("sent"), workshop.settings, silent)


@pytest.mark.timeout(600)
async def test_a_registry_gives_the_digest_that_a_pod_names(
    workshop: Workshop, built: Built, tmp_path: Path
) -> None:
    program = registry.find()
    if program is None:
        pytest.skip(registry.HOW)
    with registry.running(program, tmp_path) as address:
        settings = replace(workshop.settings, registry=f"{address}/team")
        reference = await publish(built, settings, silent, "cluster")
        repository, _, digest = reference.partition("@")
        assert repository == f"{address}/team/sent"
        tag = built.reference.rpartition(":")[2]
        url = f"http://{address}/v2/team/sent/manifests"
        for name in (digest, tag):
            request = urllib.request.Request(f"{url}/{name}")
            request.add_header("Accept", "application/vnd.oci.image.manifest.v1+json")
            with urllib.request.urlopen(request) as answer:
                assert answer.headers["Docker-Content-Digest"] == digest
                assert json.load(answer)["config"]["digest"] == built.digest
    # Not asked again: the registry has ended.
    assert await publish(built, settings, silent, "another cluster") == reference


@pytest.mark.timeout(600)
async def test_a_load_command_gets_each_image_once_for_each_cluster(
    workshop: Workshop, built: Built, tmp_path: Path
) -> None:
    script = tmp_path / "load.py"
    script.write_text(
        "import shutil, sys, uuid\n"
        f"shutil.copy(sys.argv[1], {str(tmp_path)!r} + f'/{{uuid.uuid4()}}.tar')\n"
    )
    command = shlex.join([sys.executable, str(script)])
    settings = replace(workshop.settings, load_command=command)

    async def archives_after(target: str, force: bool = False) -> list[Path]:
        chosen = replace(settings, force=force)
        assert await publish(built, chosen, silent, target) == built.reference
        return list(tmp_path.glob("*.tar"))

    [archive] = await archives_after("one")
    with tarfile.open(archive) as tar:
        [manifest] = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert manifest["RepoTags"] == [built.reference]
    assert len(await archives_after("one")) == 1
    assert len(await archives_after("two")) == 2
    assert len(await archives_after("two", force=True)) == 3
    # Of a cluster without a name it is not known what it has.
    assert len(await archives_after("")) == 4
    assert len(await archives_after("")) == 5


@pytest.mark.timeout(600)
async def test_a_load_command_that_fails_is_told_and_not_remembered(
    workshop: Workshop, built: Built
) -> None:
    failing = replace(workshop.settings, load_command="sh -c 'echo no such cluster >&2; exit 3'")
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"LOAD_COMMAND failed: .*status 3: no such cluster"):
            await publish(built, failing, silent, "one")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("kind load image-archive", ["kind", "load", "image-archive", "/a.tar"]),
        ("ctr images import {} --all", ["ctr", "images", "import", "/a.tar", "--all"]),
        ("load --archive={}", ["load", "--archive=/a.tar"]),
        ("'my loader' -q", ["my loader", "-q", "/a.tar"]),
    ],
)
def test_the_archive_stands_at_the_end_or_where_it_is_wanted(
    command: str, words: list[str]
) -> None:
    assert load_words(command, Path("/a.tar")) == words


@pytest.mark.parametrize("command", ["kind 'load", "  "])
def test_a_load_command_that_is_none_is_refused(command: str) -> None:
    with pytest.raises(InvalidRequest, match="LOAD_COMMAND"):
        load_words(command, Path("/a.tar"))
