"""Kustomize's patches, as far as `knative/` has them: a list of operations on one
object (RFC 6902: add, replace, test), and `$patch: delete`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catnap.errors import InvalidRequest


def patched(
    objects: Sequence[dict[str, Any]], target: Mapping[str, str], patch: object
) -> list[dict[str, Any]]:
    """The objects as they are then; those that are patched are changed in place.

    target: kind and name; of a patch that names its own object, nothing. Raises
    InvalidRequest for a patch that does not fit.
    """
    if isinstance(patch, list):
        for obj in _of(objects, target):
            for operation in patch:
                _change(obj, operation)
        return list(objects)
    if isinstance(patch, dict) and patch.get("$patch") == "delete":
        named = {"kind": patch["kind"], "name": patch["metadata"]["name"]}
        gone = _of(objects, named)
        return [each for each in objects if each not in gone]
    raise InvalidRequest("a patch is a list of operations, or an object to delete")


def _of(objects: Sequence[dict[str, Any]], target: Mapping[str, str]) -> list[dict[str, Any]]:
    found = [
        each
        for each in objects
        if (each["kind"], each["metadata"]["name"]) == (target["kind"], target["name"])
    ]
    if not found:
        raise InvalidRequest(f"there is no {target['kind']} {target['name']} to patch")
    return found


def _change(node: Any, operation: Mapping[str, Any]) -> None:
    """Source: RFC 6902, and RFC 6901 for the path."""
    path, do, value = operation["path"], operation["op"], operation["value"]
    *way, last = [each.replace("~1", "/").replace("~0", "~") for each in path.split("/")[1:]]
    try:
        for key in way:
            node = node[int(key)] if isinstance(node, list) else node[key]
        if do == "add" and isinstance(node, list):
            if last != "-":
                raise InvalidRequest(f"add {path}: only at the end of a list, as -")
            node.append(value)
            return
        place = int(last) if isinstance(node, list) else last
        there = None if do == "add" else node[place]
    except (KeyError, IndexError, ValueError, TypeError):
        raise InvalidRequest(f"{do} {path}: there is no such place") from None
    if do in ("add", "replace"):
        node[place] = value
    elif do != "test" or there != value:
        raise InvalidRequest(f"{do} {path}: it is {there!r}")
