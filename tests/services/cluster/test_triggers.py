"""A skill's event triggers on Knative Eventing."""

from __future__ import annotations

from typing import Any

from catnap.services.cluster.triggers import broker, triggers
from catnap.skills.manifest import parse_manifest

FILES = """
[[triggers.events]]
name = "files"
types = ["catnap.file.created", "catnap.file.updated"]
filters = [{ suffix = { subject = ".md" } }]
"""


def made(toml: str = FILES, name: str = "search") -> list[dict[str, Any]]:
    manifest = parse_manifest(f'name = "{name}"\ndescription = "A test."\n{toml}')
    return list(triggers(manifest, "catnap-acme", "catnap"))


def test_a_trigger_delivers_to_the_gateway_and_says_which_it_is() -> None:
    [trigger] = made()
    subscriber = trigger["spec"]["subscriber"]
    host = "catnap-gateway.catnap.svc.cluster.local"
    assert subscriber["uri"] == f"http://{host}/events/search/files"
    assert subscriber["audience"] == "catnap.dev/gateway/catnap"


def test_a_trigger_takes_any_of_its_types_and_all_of_its_filters() -> None:
    [trigger] = made()
    assert trigger["spec"]["filters"] == [
        {
            "any": [
                {"exact": {"type": "catnap.file.created"}},
                {"exact": {"type": "catnap.file.updated"}},
            ]
        },
        {"suffix": {"subject": ".md"}},
    ]
    [single] = made(FILES.replace(', "catnap.file.updated"', ""))
    assert single["spec"]["filters"][0] == {"exact": {"type": "catnap.file.created"}}


def test_a_skill_without_triggers_has_none() -> None:
    assert made("") == []


def test_no_two_triggers_of_a_tenant_share_a_name() -> None:
    def name(skill: str, trigger: str) -> str:
        toml = f'[[triggers.events]]\nname = "{trigger}"\ntypes = ["a"]'
        [made_] = made(toml, skill)
        return str(made_["metadata"]["name"])

    assert name("a-b", "c") != name("a", "b-c")
    assert name("a--b", "c") != name("a", "b--c")


def test_every_trigger_is_of_the_tenants_own_broker() -> None:
    [trigger] = made()
    own = broker("catnap-acme", "catnap")
    assert trigger["spec"]["broker"] == own["metadata"]["name"]
    assert trigger["metadata"]["namespace"] == own["metadata"]["namespace"]
