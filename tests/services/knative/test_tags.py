"""What a cluster's Ingress objects say of tags."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from catnap.errors import NotFound
from catnap.services.knative.platform import KnativePlatform
from catnap.services.knative.routing import Table
from catnap.services.platform import Route
from tests.services.knative.apiserver import running
from tests.services.knative.objects import ingress, path, rule, split

SPACE = "catnap-acme"


def traffic(service: str, **shares: dict[str, int]) -> dict[str, Any]:
    """A Service's object. shares: percent by revision, by tag; `all` is no tag."""
    rules = []
    for tag, found in shares.items():
        name = service if tag == "all" else f"{tag}-{service}"
        splits = [split(revision, percent, SPACE) for revision, percent in found.items()]
        rules.append(rule(f"{name}.{SPACE}.svc.cluster.local", paths=[path(*splits)]))
    return ingress(*rules, namespace=SPACE, name=service)


SERVICES = [
    traffic("echo", all={"echo-00001": 10, "echo-00002": 90}, stable={"echo-00001": 100}),
    traffic("search", all={"search-00001": 100}),
    traffic("document-search", all={"document-search-00001": 100}),
]


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[KnativePlatform]:
    known = Table.of(SERVICES)
    with running(tmp_path) as server:
        made = KnativePlatform(
            server.api(), lambda tenant: f"catnap-{tenant}", lambda: known, [("acme", "echo")]
        )
        for service in ("echo", "search", "document-search"):
            name = f"{service}-00001"
            labels = {"serving.knative.dev/service": service}
            meta: dict[str, Any] = {"namespace": SPACE, "name": name, "labels": labels}
            made.fleet.take_revisions({(SPACE, name): {"metadata": meta, "spec": {}}})
        yield made
        await made.close()


async def test_a_tag_leads_where_its_host_does(platform: KnativePlatform) -> None:
    assert platform.tagged("acme", "echo", "stable") == "echo-00001"
    with pytest.raises(NotFound, match="'canary'"):
        platform.tagged("acme", "echo", "canary")
    with pytest.raises(NotFound):
        platform.tagged("rival", "echo", "stable")


async def test_no_tag_leads_to_another_skill_whatever_its_name(platform: KnativePlatform) -> None:
    with pytest.raises(NotFound, match="'document'"):
        platform.tagged("acme", "search", "document")


async def test_no_call_reaches_a_revision_of_another_skill(platform: KnativePlatform) -> None:
    route = Route("acme", "search", revision="document-search-00001")
    with pytest.raises(NotFound, match="no revision of 'search'"):
        async with platform.deliver(route, [], b""):
            pass
