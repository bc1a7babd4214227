"""What is in a model's folder.

    <folder>/model.onnx                     one version, by the name 1
    <folder>/1/model.onnx, <folder>/2/...   several, as in a repository of Triton's

A version that has a genai_config.json is one that generates text.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from catnap.errors import InvalidRequest

GRAPH = "model.onnx"
GENERATION = "genai_config.json"

Kind = Literal["graph", "generation"]


def versions(folder: Path) -> Mapping[str, Path]:
    """Their folders by their names. Raises InvalidRequest where there are none."""
    if not folder.is_dir():
        raise InvalidRequest(f"folder {folder}: there is none")
    if kind(folder):
        return {"1": folder}
    found = {each.name: each for each in folder.iterdir() if _number(each.name) and kind(each)}
    if not found:
        raise InvalidRequest(
            f"folder {folder}: put {GRAPH} there, or {GENERATION} with what it names, or "
            f"versions such as 1/{GRAPH}"
        )
    return found


def kind(folder: Path) -> Kind | None:
    if (folder / GENERATION).is_file():
        return "generation"
    return "graph" if (folder / GRAPH).is_file() else None


def latest(names: Mapping[str, object]) -> str:
    return max(names, key=int)


def _number(name: str) -> bool:
    return name.isascii() and name.isdigit() and name == str(int(name))
