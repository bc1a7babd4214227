"""Each skill that we ship answers under the stock command as under `catnap host`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from catnap.services.environment import ensure
from catnap.skills import read_manifest
from catnap.skills.testing import FakeGateway
from tests.callbacks import GRANT, callbacks
from tests.pairs import Pair, host, stock

from .links import FRAMEWORK, link

ROOT = Path(__file__).parents[2]
JSON = {"Content-Type": "application/json", "Authorization": GRANT}
EVENT = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/files/user",
    "ce-type": "catnap.file.created",
    "ce-subject": "cats.txt",
}
FILES = {
    "sales.csv": "region,amount\nnorth,10\nsouth,20\nnorth,5\n",
    "cats.txt": "Cats nap in the sun. They wake when somebody opens a tin of tuna.",
    "dogs.md": "Dogs bark at the mailman. Their favourite toy is a red rubber ball.",
}
TOTALS = {"sql": "SELECT region, sum(amount) AS n FROM sales GROUP BY ALL ORDER BY 1"}

Asked = tuple[int, dict[str, str], Any]

ANYWHERE: dict[str, list[Asked]] = {
    "echo": [
        (200, JSON, {"hello": ["wörld", None, 1.5]}),
        (200, {**EVENT, **JSON}, {"hello": 1}),
        (200, JSON, b""),
        (400, JSON, b"{"),
        (400, {**EVENT, **JSON, "ce-id": ""}, {}),
        (415, {"Content-Type": "text/csv"}, b"a;b"),
    ],
    "table-query": [
        (400, JSON, {"sql": "", "files": []}),
        (400, JSON, {"sql": "SELECT 1", "files": {"a": 1}}),
        (400, JSON, {"sql": "SELECT 1", "files": [], "sav": "x"}),
        (400, JSON, {"sql": "SELECT 1", "files": ["a.docx"]}),
        (400, JSON, {"sql": "SELECT 1 AS one", "files": []}),
    ],
    "document-search": [
        (400, JSON, {"question": 1}),
        (400, JSON, {"question": "who naps?", "index": True}),
        (400, JSON, {"question": "who naps?", "top": 51}),
    ],
}
ALONE: dict[str, list[Asked]] = {
    "table-query": [(503, JSON, {**TOTALS, "files": ["sales.csv"]})],
    "document-search": [(503, JSON, {"question": "who naps?"}), (503, {**EVENT, **JSON}, {})],
}
WITH_A_PLATFORM: dict[str, list[Asked]] = {
    "table-query": [
        (200, JSON, {**TOTALS, "files": ["sales.csv"]}),
        (200, JSON, {**TOTALS, "files": ["sales.csv"], "save": "totals.csv"}),
        (404, JSON, {**TOTALS, "files": ["sale.csv"]}),
        (400, JSON, {"sql": "FROM nowhere", "files": ["sales.csv"]}),
    ],
    "document-search": [
        (200, {**EVENT, **JSON}, {}),
        (200, JSON, {"question": "who naps in the sun?", "top": 1}),
        (200, JSON, {"index": True}),
    ],
}
NAMES = sorted(path.parent.name for path in ROOT.glob("functions/*/skill.toml"))
TARGETS = {"echo": "echo", "table-query": "query", "document-search": "search"}

_START = """
import sys
sys.path.append(sys.argv.pop(1))
from functions_framework._cli import _cli
_cli()
"""


@pytest.fixture(scope="module")
def framework(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(link(FRAMEWORK, tmp_path_factory.mktemp("framework")))


@pytest.fixture
async def python(name: str) -> str:
    return str(await ensure(ROOT / "functions" / name, ROOT / ".catnap"))


@pytest.fixture(params=["alone", "with a platform"])
def platform(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "with a platform")


@pytest.fixture
def pair(name: str, python: str, framework: str, platform: bool) -> Iterator[Pair]:
    """Both serve the skill, in its own environment; each with a platform of its own."""
    folder = ROOT / "functions" / name
    start = (python, "-c", _START, framework)
    with ExitStack() as started:
        env = [dict(read_manifest(folder).env) for _ in range(2)]
        for each in env if platform else ():
            each["CATNAP_CALLBACK"] = started.enter_context(callbacks(FakeGateway(FILES)))
        theirs = stock(folder / "main.py", TARGETS[name], start=start, **env[0])
        ours = host(folder, python=python, **env[1])
        yield Pair(started.enter_context(theirs), started.enter_context(ours))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
async def test_a_skill_of_ours_answers_the_same(name: str, pair: Pair, platform: bool) -> None:
    cases = ANYWHERE[name] + (WITH_A_PLATFORM if platform else ALONE).get(name, [])
    for status, headers, payload in cases:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        theirs, ours = pair.ask("POST", "/", headers, body)
        assert theirs == ours, payload
        assert ours.status == status, ours.body
