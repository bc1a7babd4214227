"""Which functions of a file are marked, found without running it."""

from __future__ import annotations

import ast
from pathlib import Path

FRAMEWORK = frozenset(
    f"functions_framework.{name}"
    for name in ("http", "cloud_event", "typed", "aio.http", "aio.cloud_event")
)
OURS = frozenset(("catnap.skill", "catnap.skills.skill"))


def find_decorated(file: Path, decorators: frozenset[str]) -> list[str]:
    """Names of the functions in a file that carry one of the decorators, which
    are named in full. A file that is not Python has none: importing it says
    why."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return []
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                imported[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(_full_name(each, imported) in decorators for each in node.decorator_list)
    ]


def _full_name(decorator: ast.expr, imported: dict[str, str]) -> str:
    """`a.b` of `@x.b(...)` where x is a."""
    parts: list[str] = []
    while not isinstance(decorator, ast.Name):
        if isinstance(decorator, ast.Call):
            decorator = decorator.func
        elif isinstance(decorator, ast.Attribute):
            parts.append(decorator.attr)
            decorator = decorator.value
        else:
            return ""
    parts.append(imported.get(decorator.id, decorator.id))
    return ".".join(reversed(parts))
