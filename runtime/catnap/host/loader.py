"""From a skill's folder to the function in it."""

from __future__ import annotations

import importlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from catnap.errors import CatnapError, InvalidRequest, SkillCrashed
from catnap.host import blame
from catnap.host.call import Function
from catnap.host.native import Native
from catnap.host.threads import Threads
from catnap.skills import Manifest, Skill, read_manifest
from catnap.skills.decorator import ATTRIBUTE

_THREADS_WITHOUT_BOUND = 100
"""Threads where skill.toml sets no bound: what Knative assumes an instance
without one can take."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A skill, imported and ready to be called."""

    manifest: Manifest
    folder: Path
    function: Function
    concurrency: int
    import_ms: float


def load(folder: str, concurrency: int | None = None) -> Loaded:
    """Imports the skill in a folder, which goes first on sys.path and becomes
    the working directory.

    concurrency: overrides the manifest's. Raises InvalidRequest where the
    folder is not a skill, and SkillCrashed where its code cannot be imported;
    the message is one line that names the folder, the file and the line.
    """
    began = time.perf_counter()
    path = Path(folder).resolve()
    manifest = read_manifest(path)
    bound = manifest.scale.concurrency if concurrency is None else concurrency
    threads = Threads(bound or _THREADS_WITHOUT_BOUND)
    sys.path.insert(0, str(path))
    os.chdir(path)
    try:
        function = _function(path, manifest, threads)
    except CatnapError as error:
        raise type(error)(f"cannot load {folder}: {error.message}") from None
    except (Exception, SystemExit) as error:
        place = blame.place(error, path)
        where = f"{place[0]} line {place[1]}: " if place else ""
        raise SkillCrashed(f"cannot load {folder}: {where}{blame.reason(error)}") from error
    return Loaded(manifest, path, function, bound, (time.perf_counter() - began) * 1000)


def _function(folder: Path, manifest: Manifest, threads: Threads) -> Function:
    name, _, attribute = manifest.entry.partition(":")
    file = _source(folder, name, manifest.entry)
    if manifest.signature != "catnap" or b"functions_framework" in file.read_bytes():
        # Only such a function needs Flask; nobody else pays for its import.
        from catnap.host.framework import load_framework

        framework = load_framework(file, attribute, manifest.signature, threads)
        if framework is not None:
            return framework
    module = importlib.import_module(name)
    return Native(_skill(module, file.name, attribute), threads)


def _source(folder: Path, module: str, entry: str) -> Path:
    base = folder.joinpath(*module.split("."))
    for file in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
        if file.is_file():
            return file
    raise InvalidRequest(
        f"entry {entry!r} in skill.toml: there is no {'/'.join(module.split('.'))}.py"
    )


def _skill(module: ModuleType, file: str, attribute: str) -> Skill:
    if attribute:
        found = getattr(module, attribute, None)
        if found is None:
            raise InvalidRequest(f"{file} has no function {attribute!r}, which skill.toml names")
        skill: Skill | None = getattr(found, ATTRIBUTE, None)
        if skill is None:
            raise InvalidRequest(
                f"{file}: {attribute!r} is not marked: put @skill above it, or "
                "set signature = 'http' or 'cloudevent' in skill.toml"
            )
        return skill
    marked = {
        id(value): (name, value)
        for name, value in vars(module).items()
        if hasattr(value, ATTRIBUTE)
    }
    if len(marked) != 1:
        names = ", ".join(name for name, _ in marked.values())
        raise InvalidRequest(
            f"{file} has no function marked with @skill"
            if not marked
            else f"{file} has several skills ({names}): name one in skill.toml, such as "
            f"entry = '{module.__name__}:{next(iter(marked.values()))[0]}'"
        )
    [(_, function)] = marked.values()
    skill = getattr(function, ATTRIBUTE)
    assert isinstance(skill, Skill)
    return skill
