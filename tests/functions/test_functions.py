"""Each skill's own tests, in the skill's own environment.

A skill does not carry pytest. Its interpreter therefore gets a folder of
links to pytest and its plugins, and nothing else of the environment that the
platform runs in: what a skill imports, it has to require.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from catnap.services.environment import ensure

from .links import PYTEST, link

ROOT = Path(__file__).parents[2]
SKILLS = sorted(path.parent.name for path in ROOT.glob("functions/*/tests"))
_START = """
import sys
sys.path.append(sys.argv.pop(1))
import pytest
sys.exit(pytest.main())
"""


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that makes pytest importable, last on the path."""
    return link(PYTEST, tmp_path_factory.mktemp("pytest"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SKILLS)
async def test_a_skill_passes_its_own_tests(name: str, packages: Path) -> None:
    skill = ROOT / "functions" / name
    python = await ensure(skill, ROOT / ".catnap")
    done = subprocess.run(
        [
            *(python, "-c", _START, str(packages), "tests", "-q"),
            *("-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"),
        ],
        cwd=skill,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
