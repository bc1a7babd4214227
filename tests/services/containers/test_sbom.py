"""What an SBOM says."""

from __future__ import annotations

import json

from cyclonedx.model.bom import Bom

from catnap.services.containers.sbom import sbom
from tests.services.containers.test_recipe import BASE, RECIPE

HASH = "a" * 64
LOCK = f"msgspec==0.22.0 \\\n    --hash=sha256:{HASH}\n"
INSTALLED = {"msgspec": "0.22.0", "stray": "1.0"}


def test_it_names_the_image_its_base_and_its_packages() -> None:
    said = json.loads(sbom(RECIPE, BASE, INSTALLED, LOCK))
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.6")
    image = said["metadata"]["component"]
    assert (image["type"], image["name"], image["version"]) == ("container", "echo", "1.0")
    parts = {part["name"]: part for part in said["components"]}
    assert parts["python:3.11"]["hashes"] == [{"alg": "SHA-256", "content": "2"}]
    assert parts["msgspec"]["purl"] == "pkg:pypi/msgspec@0.22.0"
    [archive] = parts["msgspec"]["externalReferences"]
    assert archive["hashes"] == [{"alg": "SHA-256", "content": HASH}]
    # What is there and in no lock is told all the same.
    assert parts["stray"]["version"] == "1.0"


def test_it_is_the_same_for_the_same_image() -> None:
    assert sbom(RECIPE, BASE, INSTALLED, LOCK) == sbom(RECIPE, BASE, INSTALLED, LOCK)


def test_others_can_read_it() -> None:
    read = Bom.from_json(json.loads(sbom(RECIPE, BASE, INSTALLED, LOCK)))  # type: ignore[attr-defined]
    assert {part.name for part in read.components} == {"python:3.11", *INSTALLED}
    image = next(each for each in read.dependencies if str(each.ref).startswith("echo:"))
    assert len(image.dependencies) == 3
