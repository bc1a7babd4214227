"""What a cluster's Ingress objects say of tags, and what runs there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catnap.errors import NotFound
from catnap.services.knative.platform import KnativePlatform
from catnap.services.knative.routing import Table
from tests.services.knative.apiserver import running
from tests.services.knative.objects import ingress, path, rule, split

SPACE = "catnap-acme"
NAMES = {"": "echo", "stable": "stable-echo"}


def table() -> Table:
    splits = {
        "": [split("echo-00001", 10, SPACE), split("echo-00002", 90, SPACE)],
        "stable": [split("echo-00001", 100, SPACE)],
    }
    rules = [
        rule(f"{NAMES[tag]}.{SPACE}.svc.cluster.local", paths=[path(*found)])
        for tag, found in splits.items()
    ]
    return Table.of([ingress(*rules, namespace=SPACE, name="echo")])


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[KnativePlatform]:
    known = table()
    with running(tmp_path) as server:
        made = KnativePlatform(
            server.api(), lambda tenant: f"catnap-{tenant}", lambda: known, [("acme", "echo")]
        )
        for number in (1, 2, 3):
            labels = {"serving.knative.dev/service": "echo"}
            meta = {"namespace": SPACE, "name": f"echo-{number:05}", "labels": labels}
            told = {"metadata": meta, "spec": {"containerConcurrency": 0}}
            made.fleet.take_revisions({(SPACE, meta["name"]): told})
        yield made
        await made.close()


async def test_a_tag_leads_where_its_host_does(platform: KnativePlatform) -> None:
    assert platform.tagged("acme", "echo", "stable") == "echo-00001"
    with pytest.raises(NotFound, match="'canary'"):
        platform.tagged("acme", "echo", "canary")
    with pytest.raises(NotFound):
        platform.tagged("rival", "echo", "stable")
