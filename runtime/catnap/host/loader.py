"""From a skill's folder to the function in it."""

from __future__ import annotations

import importlib
import os
import sys
import time
from types import ModuleType

import msgspec

from catnap.errors import CatnapError, InvalidRequest, SkillCrashed
from catnap.host import blame
from catnap.host.call import Function
from catnap.host.entry import Entry, entry_of, manifest_of
from catnap.host.native import Native
from catnap.host.threads import Threads
from catnap.skills import Manifest, Skill
from catnap.skills.decorator import ATTRIBUTE

THREADS_WITHOUT_BOUND = 100
"""Threads where skill.toml sets no bound: what Knative assumes an instance
without one can take."""


class Loaded(msgspec.Struct, frozen=True):
    """A skill, imported and ready to be called."""

    manifest: Manifest
    folder: str
    function: Function
    concurrency: int
    import_ms: float


def load(folder: str, concurrency: int | None = None) -> Loaded:
    """Imports the skill in a folder, which goes first on sys.path and becomes
    the working directory.

    concurrency: overrides the manifest's. See catnap.host.entry for which
    function it is, also in a folder without skill.toml. Raises InvalidRequest where the
    folder is not a skill, and SkillCrashed where its code cannot be imported;
    the message is one line that names the folder, the file and the line.
    """
    began = time.perf_counter()
    path = os.path.realpath(folder)
    manifest = manifest_of(path, os.environ)
    bound = manifest.scale.concurrency if concurrency is None else concurrency
    threads = Threads(bound or THREADS_WITHOUT_BOUND)
    os.chdir(path)
    try:
        entry = entry_of(path, manifest, os.environ)
        sys.path.insert(0, entry.root)
        function = _function(entry, threads)
    except CatnapError as error:
        raise type(error)(f"cannot load {folder}: {error.message}") from None
    except (Exception, SystemExit) as error:
        place = blame.place(error, path)
        where = f"{place[0]} line {place[1]}: " if place else ""
        raise SkillCrashed(f"cannot load {folder}: {where}{blame.reason(error)}") from error
    return Loaded(manifest, path, function, bound, (time.perf_counter() - began) * 1000)


def _function(entry: Entry, threads: Threads) -> Function:
    if entry.signature or _names_framework(entry.file):
        # Only such a function needs Flask; nobody else pays for its import.
        from catnap.host.framework import load_framework

        framework = load_framework(entry, threads)
        if framework is not None:
            return framework
    module = importlib.import_module(entry.module)
    return Native(_skill(module, entry), threads)


def _names_framework(file: str) -> bool:
    with open(file, "rb") as source:
        return b"functions_framework" in source.read()


def _skill(module: ModuleType, entry: Entry) -> Skill:
    file, attribute = os.path.basename(entry.file), entry.function
    if attribute:
        found = getattr(module, attribute, None)
        if found is None:
            raise InvalidRequest(
                f"{file} has no function {attribute!r}, which {entry.said_by} names"
            )
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
