"""Which function an instance serves: what skill.toml says, or the environment
that the stock functions-framework command reads.

    the file       skill.toml's `entry`; without a skill.toml FUNCTION_SOURCE, else main.py
    the function   skill.toml's `entry`; else FUNCTION_TARGET; else the one that is marked
    what it takes  its decorator; else skill.toml's `signature`; else
                   FUNCTION_SIGNATURE_TYPE; else HTTP, where a function was named
                   by FUNCTION_TARGET
    Flask or ASGI  its decorator; else FUNCTION_USE_ASGI

Source of the variables: the functions framework's contract.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from catnap.errors import InvalidRequest
from catnap.skills import Manifest, read_manifest


class Entry(msgspec.Struct, frozen=True):
    """Where the function is, and what it takes."""

    file: str
    root: str
    """The folder that `module` is imported from."""
    module: str
    function: str
    """Its name; empty: the only one that is marked."""
    signature: str
    """`http` or `cloudevent`, of a function that has no decorator; empty: it must have one."""
    said_by: str
    """Who named the function, for errors."""
    asgi: bool = False
    """A framework's function without an async decorator takes Starlette's request all the same."""


def manifest_of(folder: str, env: Mapping[str, str]) -> Manifest:
    """The folder's manifest: without a skill.toml, that of a function of which
    no more is known than FUNCTION_TARGET. Raises InvalidRequest."""
    target = env.get("FUNCTION_TARGET", "")
    if target and not _has_manifest(folder):
        return Manifest(name=env.get("K_SERVICE") or target, description=f"{target}()")
    return read_manifest(folder)


def entry_of(folder: str, manifest: Manifest, env: Mapping[str, str]) -> Entry:
    """What is served from the folder. Raises InvalidRequest."""
    if _has_manifest(folder):
        return _of_manifest(folder, manifest, env)
    return _of_environment(folder, env)


def _has_manifest(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, "skill.toml"))


def _of_environment(folder: str, env: Mapping[str, str]) -> Entry:
    target, signature = env["FUNCTION_TARGET"], _signature(env, "http")
    source = env.get("FUNCTION_SOURCE") or "main.py"
    file = os.path.realpath(os.path.join(folder, source))
    if not os.path.isfile(file):
        raise InvalidRequest(f"FUNCTION_SOURCE: there is no {source}")
    asgi = _asgi(env)
    root, name = os.path.split(file)
    module = os.path.splitext(name)[0]
    return Entry(file, root, module, target, signature, "FUNCTION_TARGET", asgi)


def _of_manifest(folder: str, manifest: Manifest, env: Mapping[str, str]) -> Entry:
    module, _, function = manifest.entry.partition(":")
    file = _source(folder, module, manifest.entry)
    said_by, default = "skill.toml", ""
    if not function and "FUNCTION_TARGET" in env:
        function, said_by, default = env["FUNCTION_TARGET"], "FUNCTION_TARGET", "http"
    stated = manifest.signature != "catnap"
    signature = manifest.signature if stated else _signature(env, default)
    return Entry(file, folder, module, function, signature, said_by, _asgi(env))


def _signature(env: Mapping[str, str], default: str) -> str:
    signature = env.get("FUNCTION_SIGNATURE_TYPE") or default
    if signature == "event":
        raise InvalidRequest(
            "FUNCTION_SIGNATURE_TYPE=event: background functions are not taken: mark the "
            "function with @functions_framework.cloud_event and read its data from the event"
        )
    if signature == "typed":
        return ""  # its decorator is what has the type
    if signature not in ("", "http", "cloudevent"):
        raise InvalidRequest(
            f"FUNCTION_SIGNATURE_TYPE={signature}: must be http, cloudevent or typed"
        )
    return signature


def _asgi(env: Mapping[str, str]) -> bool:
    return env.get("FUNCTION_USE_ASGI", "").lower() in ("1", "true", "t", "yes", "y", "on")


def _source(folder: str, module: str, entry: str) -> str:
    base = os.path.join(folder, *module.split("."))
    for file in (f"{base}.py", os.path.join(base, "__init__.py")):
        if os.path.isfile(file):
            return file
    raise InvalidRequest(
        f"entry {entry!r} in skill.toml: there is no {'/'.join(module.split('.'))}.py"
    )
