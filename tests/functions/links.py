"""Packages of the platform's environment, lent to a skill's interpreter."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import files
from pathlib import Path

PYTEST = (
    *("pytest", "pluggy", "iniconfig", "packaging", "pygments"),
    *("pytest-asyncio", "typing-extensions", "pytest-timeout"),
)
FRAMEWORK = (
    *("functions-framework", "flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous"),
    *("blinker", "click", "gunicorn", "packaging", "cloudevents", "deprecation"),
)


def link(names: Iterable[str], folder: Path) -> Path:
    """Makes the packages importable from a folder, which is to come last on
    the path: what a skill has of its own counts."""
    for name in names:
        for path in files(name) or ():
            top = path.parts[0]
            if top not in ("..", "__pycache__") and not (folder / top).exists():
                (folder / top).symlink_to(
                    Path(str(path.locate())).parents[len(path.parts) - 1] / top
                )
    return folder
