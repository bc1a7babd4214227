"""The platform's own images: all that they import is in them."""

from __future__ import annotations

import pytest

from catnap.services.containers import PLATFORM, Platform, build_platform
from tests.services.containers.conftest import Workshop

pytestmark = pytest.mark.timeout(600)

# Locally there is more to import: what makes environments, images, pictures and the model.
_ONLY_LOCALLY = {
    "gateway": (
        "catnap.models.serving.",
        "catnap.services.containers.",
        "catnap.cli.lock",
        "catnap.cli.scale_plot",
    ),
    "models": (
        "catnap.models.serving.build",
        "catnap.models.serving.graph",
    ),
}
_IMPORT_ALL = """
import importlib, pkgutil, sys
import catnap
for module in pkgutil.walk_packages(catnap.__path__, "catnap."):
    if "__main__" not in module.name and not module.name.startswith(tuple(sys.argv[1:])):
        importlib.import_module(module.name)
print("all of it")
"""


def silent(line: str) -> None:
    pass


@pytest.mark.parametrize("kind", PLATFORM.values())
async def test_an_image_has_all_that_it_imports(workshop: Workshop, kind: Platform) -> None:
    built = await build_platform(kind, workshop.settings, silent)
    command = ("/catnap/bin/python", "-P", "-c", _IMPORT_ALL, *_ONLY_LOCALLY[kind])
    said = await workshop.builder.look(built.reference, command)
    assert "all of it" in said


async def test_the_model_server_finds_its_model(workshop: Workshop) -> None:
    built = await build_platform("models", workshop.settings, silent)
    script = (
        "from pathlib import Path\n"
        "from catnap.models.serving.build import location\n"
        "print(sorted(path.name for path in location(Path('/catnap/model')).folder.iterdir()))"
    )
    said = await workshop.builder.look(built.reference, ("/catnap/bin/python", "-c", script))
    assert "['model.onnx', 'model.weights', 'tokenizer.json']" in said
