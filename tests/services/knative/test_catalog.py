"""Skills as a cluster's Service objects tell of them."""

from __future__ import annotations

from typing import Any

import pytest

from catnap.errors import NotFound, Unavailable
from catnap.services.cluster.skill import Skill, cluster_service
from catnap.services.describe import Description
from catnap.services.knative.catalog import ClusterCatalog
from catnap.services.knative.mirror import Key
from catnap.skills.manifest import parse_manifest


def service(
    name: str = "echo", tenant: str = "acme", revision: str = "-00001", says: str = "Answers."
) -> dict[str, Any]:
    """As the API server has it."""
    skill = Skill(
        manifest=parse_manifest(f'name = "{name}"\ndescription = "{says}"\n'),
        image="registry.example/echo",
        description=Description(input_schema={"type": "integer"}),
    )
    made = cluster_service(skill, tenant=tenant, install="catnap")
    return {**made, "status": {"latestReadyRevisionName": revision and name + revision}}


def key(service: dict[str, Any]) -> Key:
    return service["metadata"]["namespace"], service["metadata"]["name"]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def catalog(said: list[str]) -> ClusterCatalog:
    return ClusterCatalog("catnap", said.append)


def tell(catalog: ClusterCatalog, *services: dict[str, Any]) -> None:
    catalog.take({key(each): each for each in services})


async def test_a_tenant_has_the_skills_that_are_deployed_for_it(catalog: ClusterCatalog) -> None:
    tell(catalog, service("echo"), service("add"), service("echo", "other / tenant", "-00007"))
    assert [each.manifest.name for each in catalog.of("acme")] == ["add", "echo"]
    assert [each.manifest.name for each in catalog.of("other / tenant")] == ["echo"]
    assert list(catalog.of("nobody")) == []
    assert len(catalog) == 2
    assert await catalog.revision("echo", "other / tenant") == "echo-00007"
    assert catalog.get("echo", "acme").description.input_schema == {"type": "integer"}


def test_an_unknown_skill_is_answered_with_the_nearest_of_the_tenant(
    catalog: ClusterCatalog,
) -> None:
    tell(catalog, service("echo"), service("secret", "other"))
    with pytest.raises(NotFound, match="did you mean 'echo'"):
        catalog.get("ecko", "acme")
    with pytest.raises(NotFound) as caught:
        catalog.get("secret", "acme")
    assert "did you mean" not in caught.value.message


def test_what_changes_and_what_goes_is_taken_up(catalog: ClusterCatalog) -> None:
    tell(catalog, service())
    tell(catalog, service(revision="-00002"))
    assert catalog.get("echo", "acme").revision == "echo-00002"
    catalog.take({("catnap-acme", "echo"): None})
    with pytest.raises(NotFound):
        catalog.get("echo", "acme")
    assert len(catalog) == 0


def test_a_skill_is_what_the_revision_says_that_most_calls_go_to(catalog: ClusterCatalog) -> None:
    before, after = service(), service(says="Answers better.")
    serving = [{"revisionName": "echo-00001", "percent": 90, "latestRevision": False}]
    canary = [{"revisionName": "echo-00002", "percent": 10, "latestRevision": True}]
    after["status"]["traffic"] = serving + canary
    tell(catalog, after)
    assert catalog.get("echo", "acme").manifest.description == "Answers better.", "not known yet"
    old = {**before["spec"]["template"], "apiVersion": "serving.knative.dev/v1"}
    catalog.take_revisions({("catnap-acme", "echo-00001"): old})
    assert catalog.get("echo", "acme").manifest.description == "Answers."
    after["status"]["traffic"] = [{**canary[0], "percent": 100}]
    tell(catalog, after)
    assert catalog.get("echo", "acme").manifest.description == "Answers better."
    catalog.take_revisions({("catnap-acme", "echo-00001"): None})
    assert catalog.get("echo", "acme").manifest.description == "Answers better."


async def test_a_skill_that_has_never_been_ready_says_why(catalog: ClusterCatalog) -> None:
    failing = service(revision="")
    tell(catalog, failing)
    with pytest.raises(Unavailable, match="starting for the first time"):
        await catalog.revision("echo", "acme")
    why = "Revision 'echo-00001' failed:\n  no such image"
    conditions = [{"type": "ConfigurationsReady", "status": "False", "message": why}]
    tell(catalog, {**failing, "status": {"conditions": conditions}})
    with pytest.raises(Unavailable, match="failed: no such image"):
        await catalog.revision("echo", "acme")


def test_what_keeps_a_tenants_skills_from_being_served_is_listed(catalog: ClusterCatalog) -> None:
    conditions = [{"type": "ConfigurationsReady", "status": "False", "message": "no such image"}]
    odd = service("odd")
    _no_manifest(odd)
    tell(catalog, service(), {**service("add"), "status": {"conditions": conditions}}, odd)
    problems = catalog.problems("acme")
    assert problems.keys() == {"add", "odd"}
    assert problems["add"] == "no such image"
    assert "does not say what it is" in problems["odd"]
    assert catalog.problems("other") == {}


def _about(given: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = given["spec"]["template"]["metadata"]["annotations"]
    return found


def _no_manifest(given: dict[str, Any]) -> None:
    del _about(given)["catnap.dev/manifest"]


def _broken_manifest(given: dict[str, Any]) -> None:
    _about(given)["catnap.dev/manifest"] = '{"name": 3}'


def _broken_schema(given: dict[str, Any]) -> None:
    _about(given)["catnap.dev/schema"] = "["


@pytest.mark.parametrize("spoil", [_no_manifest, _broken_manifest, _broken_schema])
def test_one_that_does_not_say_what_it_is_is_announced_once_and_harms_nobody(
    catalog: ClusterCatalog, said: list[str], spoil: Any
) -> None:
    broken = service()
    spoil(broken)
    tell(catalog, broken, service("add"))
    tell(catalog, broken)
    assert [each.manifest.name for each in catalog.of("acme")] == ["add"]
    [line] = said
    assert "catnap-acme/echo" in line
    with pytest.raises(Unavailable, match="cannot be served"):
        catalog.get("echo", "acme")
    tell(catalog, service())
    assert catalog.get("echo", "acme").revision == "echo-00001"


def test_nobody_gets_into_another_tenants_catalog_by_an_annotation(
    catalog: ClusterCatalog, said: list[str]
) -> None:
    forged = service(tenant="acme")
    forged["metadata"]["namespace"] = "catnap-evil"
    tell(catalog, forged)
    assert list(catalog.of("acme")) == []
    assert "catnap-acme/echo" in said[0]
