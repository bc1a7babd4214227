"""catnap status, as it asks a gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.services.knative.apiserver import Answer, running


@pytest.mark.parametrize("tenant", ["acme", "a b", "a&b=c", "ü", "100%"])
def test_any_tenant_can_be_asked_for(alone: Cli, tmp_path: Path, tenant: str) -> None:
    with running(tmp_path) as server:
        server.answer("/platform", Answer(body={"platform": "local", "services": []}))
        where = server.api().server.removeprefix("http://")
        done = alone("status", "--tenant", tenant, "--http", where)
        assert (done.status, "nothing is served" in done.err) == (0, True), done.err
        [asked] = server.asked
        assert asked.query == {"tenant": tenant}
