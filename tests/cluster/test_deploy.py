"""catnap deploy, as an operator meets it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.deployed import Deployed, said
from tests.cluster.kube import get
from tests.cluster.skills import ROOT


@pytest.fixture
def skill(deployed: Deployed) -> Iterator[Callable[[str], Path]]:
    """A copy of echo under another name, deployed; removed afterwards."""
    made: list[Path] = []

    def copy(name: str) -> Path:
        folder = deployed.functions / name
        shutil.copytree(ROOT / "functions" / "echo", folder)
        made.append(folder)
        manifest = folder / "skill.toml"
        manifest.write_text(manifest.read_text().replace('"echo"', f'"{name}"'))
        deployed.deploy(name)
        return folder

    yield copy
    for folder in made:
        deployed.catnap("undeploy", folder.name, "--yes", check=False)
        shutil.rmtree(folder)


def test_a_second_deploy_without_a_change_applies_nothing(deployed: Deployed) -> None:
    answer = said(deployed.deploy("--json"))
    assert answer["applied"] == []


def test_a_dry_run_shows_what_would_change_and_changes_nothing(
    deployed: Deployed, skill: Callable[[str], Path]
) -> None:
    manifest = skill("rehearsed") / "skill.toml"
    manifest.write_text(manifest.read_text() + "\n[limits]\ntimeout = '17s'\n")
    before = get("ksvc", "rehearsed", "-n", deployed.namespace)["metadata"]["resourceVersion"]
    shown = deployed.deploy("rehearsed", "--dry-run").stdout
    assert "timeoutSeconds" in shown
    assert "17" in shown
    after = get("ksvc", "rehearsed", "-n", deployed.namespace)["metadata"]["resourceVersion"]
    assert after == before


def broken_import(folder: Path) -> tuple[str, ...]:
    (folder / "main.py").write_text("import nothing_of_that_name\n")
    return ()


def crash_in_the_pod(folder: Path) -> tuple[str, ...]:
    """Imported well here, and not there."""
    code = folder / "main.py"
    code.write_text(
        "import os\nif 'KUBERNETES_SERVICE_HOST' in os.environ or os.getuid() == 65532:\n"
        "    raise RuntimeError('it does not work there')\n" + code.read_text()
    )
    return ()


def missing_model(folder: Path) -> tuple[str, ...]:
    manifest = folder / "skill.toml"
    manifest.write_text(manifest.read_text() + '\n[models]\nallow = ["no-such-model"]\n')
    return ()


def bad_image(folder: Path) -> tuple[str, ...]:
    return ("--image", f"{folder.name}=dev.local/no-such-image:1")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (broken_import, "nothing_of_that_name"),
        (crash_in_the_pod, "it does not work there"),
        (missing_model, "no-such-model"),
        (bad_image, "dev.local/no-such-image:1"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_broken_skill_says_why_in_one_line_and_the_running_one_stays(
    deployed: Deployed,
    skill: Callable[[str], Path],
    break_it: Callable[[Path], tuple[str, ...]],
    reason: str,
) -> None:
    name = f"broken-{break_it.__name__.replace('_', '-')}"
    folder = skill(name)
    with deployed.client() as client:
        assert client.invoke(name, {"n": 1}).json() == {"n": 1}
        done = deployed.deploy(name, *break_it(folder), check=False)
        assert done.returncode != 0
        [line] = [line for line in done.stderr.splitlines() if reason in line]
        assert name in line
        assert client.invoke(name, {"n": 2}).json() == {"n": 2}
