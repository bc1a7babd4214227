"""The images of the platform itself: the gateway and the model server."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from catnap.errors import InvalidRequest
from catnap.services.containers import lock, parts
from catnap.services.containers.build import Inputs, build
from catnap.services.containers.built import Announce, Built
from catnap.services.containers.commit import commit_of
from catnap.services.containers.packages import PYTHON
from catnap.services.containers.process import ProgramFailed, run
from catnap.services.containers.recipe import Recipe
from catnap.services.containers.settings import BuildSettings

Platform = Literal["gateway", "models"]
PLATFORM: dict[str, Platform] = {"catnap-gateway": "gateway", "catnap-models": "models"}
"""By the name of the image."""

_BUILD_MODEL = """
import sys
from pathlib import Path
from catnap.models.serving.build import ensure
print(ensure(Path(sys.argv[1])).folder)
"""


async def build_platform(kind: Platform, settings: BuildSettings, announce: Announce) -> Built:
    """The image of the gateway, or of the model server with its model in it;
    unless it is there. Raises as `build_skill` does."""
    recipe, inputs = await (_gateway(settings) if kind == "gateway" else _models(settings))
    return await build(recipe, inputs, settings, announce)


async def _gateway(settings: BuildSettings) -> tuple[Recipe, Inputs]:
    locked = lock.FOLDER / "gateway.txt"
    recipe = Recipe(
        name="catnap-gateway",
        version=version(parts.DISTRIBUTION),
        description="Catnap's gateway: every call's way to a skill.",
        lock=lock.digest(locked),
        parts=parts.digest(parts.ALL),
        content="",
        place="/catnap/functions",
        entrypoint=("/catnap/bin/catnap", "serve"),
        commit=settings.commit or await commit_of(parts.paths(parts.ALL)),
    )
    # The Kubernetes client for asyncio takes 68 MB; ours works in threads.
    return recipe, Inputs(locked, parts.ALL, without=("kubernetes/aio",))


async def _models(settings: BuildSettings) -> tuple[Recipe, Inputs]:
    locked = lock.FOLDER / "models.txt"
    model = await _model(settings.home)
    # models/<name>/<digest>, as below a state folder; it says what is in it.
    where = "/".join(model.parts[-3:])
    recipe = Recipe(
        name="catnap-models",
        version=version(parts.DISTRIBUTION),
        description="Catnap's model server: embeddings over the Open Inference Protocol.",
        lock=lock.digest(locked),
        parts=parts.digest(parts.MODELS),
        content=where,
        place="/catnap/model",
        entrypoint=(PYTHON, "-P", "-m", "catnap.models", "--home", "/catnap/model"),
        commit=settings.commit or await commit_of(parts.paths(parts.MODELS)),
    )
    return recipe, Inputs(locked, parts.MODELS, ((where, model),))


async def _model(home: Path) -> Path:
    """The built model's folder. Another process makes it, which needs much
    more memory than we do."""
    try:
        return Path((await run(sys.executable, "-c", _BUILD_MODEL, str(home))).rstrip("\n"))
    except ProgramFailed as error:
        raise InvalidRequest(f"the model cannot be built: {error.said}") from None
