"""catnap render --cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Cli


def test_a_cluster_gets_the_platform_its_tenants_and_their_skills(alone: Cli) -> None:
    alone("new", "one")
    done = alone(
        *("render", "--cluster", "--install", "mine", "--tenant", "acme", "--tenant", "other"),
        *("--image", "registry.example/{skill}:1", "--image", "one=registry.example/this:2"),
    )
    objects = list(yaml.safe_load_all(done.out))
    assert {each["metadata"]["name"] for each in objects if each["kind"] == "Namespace"} == {
        "mine",
        "mine-acme",
        "mine-other",
    }
    images = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): container["image"]
        for each in objects
        if "template" in each.get("spec", {})
        for container in each["spec"]["template"]["spec"]["containers"]
    }
    assert images == {
        ("mine", "catnap-gateway"): "registry.example/catnap-gateway:1",
        ("mine", "catnap-models"): "registry.example/catnap-models:1",
        ("mine-acme", "one"): "registry.example/this:2",
        ("mine-other", "one"): "registry.example/this:2",
    }
    [skill, _] = [each for each in objects if each["apiVersion"] == "serving.knative.dev/v1"]
    template = skill["spec"]["template"]["metadata"]
    assert "catnap.dev/schema" in template["annotations"]
    assert "eventing.knative.dev/v1" in {each["apiVersion"] for each in objects}


def test_eventing_may_be_left_out_and_json_is_a_list(alone: Cli) -> None:
    alone("new", "one")
    objects = alone("render", "one", "--cluster", "--no-eventing", "--json").json
    assert "eventing.knative.dev/v1" not in {each["apiVersion"] for each in objects}


def test_a_skill_that_cannot_be_loaded_is_not_rendered_for_a_cluster(
    alone: Cli, tmp_path: Path
) -> None:
    alone("new", "one")
    (tmp_path / "functions" / "one" / "main.py").write_text("import nothing_of_that_name\n")
    done = alone("render", "--cluster")
    assert done.status != 0
    assert "nothing_of_that_name" in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--cluster", "--namespace", "acme"), "--namespace"),
        (("--tenant", "acme"), "--cluster"),
        (("--image", "two=registry.example/two:1"), "one, catnap-gateway"),
    ],
)
def test_what_makes_no_sense_together_is_refused(
    alone: Cli, arguments: tuple[str, ...], named: str
) -> None:
    alone("new", "one")
    done = alone("render", *arguments)
    assert done.status == 2
    assert named in done.err
