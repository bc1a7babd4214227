"""The README's programs that ask models, with the packages that they name."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.clients.conftest import Before
from tests.clients.tool import find
from tests.platform.running import ROOT

pytestmark = pytest.mark.servers

_BLOCK = re.compile(r"^```py\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = dict(
    zip(("openai", "triton"), _BLOCK.findall((ROOT / "README.md").read_text()), strict=True)
)


@pytest.mark.parametrize("tool", PROGRAMS)
def test_a_program_prints_what_it_says(tool: str, gateway: Before) -> None:
    program = PROGRAMS[tool]
    python = find(tool)
    with gateway("") as running:
        for written, is_at in (("127.0.0.1:8080", running.http), ("127.0.0.1:9000", running.grpc)):
            program = program.replace(written, is_at)
        done = subprocess.run(
            [python, "-c", program],
            env={"CATNAP_TOKEN": running.key},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    [said] = re.findall(r"^print.*# (.*)$", program, re.MULTILINE)
    assert done.stdout.strip() == said
