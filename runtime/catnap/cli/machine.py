"""What `catnap doctor` looks at on this machine, apart from what runs there."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from catnap.cli import output
from catnap.host import confine, landlock, process
from catnap.services.local import delegation

LITTLE, TOO_LITTLE = 2_000_000_000, 100_000_000
"""Bytes on a disk."""


class Finding(msgspec.Struct, frozen=True):
    """ok: as it should be. degraded: works, with less. missing: does not work.
    advice: what to do; empty where nothing needs to be done."""

    what: str
    state: Literal["ok", "degraded", "missing"]
    found: str
    advice: str = ""


def python() -> Finding:
    """The interpreter of this very command, which is new enough to run it."""
    where = "no virtual environment" if sys.prefix == sys.base_prefix else sys.prefix
    return Finding("Python", "ok", f"{platform.python_version()}, {where}")


def package(name: str, needed_for: str) -> Finding:
    """One that an extra brings."""
    if find_spec(name) is None:
        advice = f"pip install 'catnap-functions[all]': {needed_for}"
        return Finding(name, "degraded", "not installed", advice)
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "ok", "installed")


def limits() -> list[Finding]:
    """What holds instances to what they may take, as a gateway started here
    would find it."""
    bounding = delegation.expected(delegation.here())
    delegate = "run it as `systemd-run --user --scope -p Delegate=yes catnap serve`, or as root"
    if os.geteuid() == 0:
        delegate = "give the machine cgroup v2 alone: systemd.unified_cgroup_hierarchy=1 at boot"
    found = [
        Finding("cgroups", "degraded", "none may be made here", delegate)
        if bounding is None
        else Finding("cgroups", "ok", "v2, one for each instance")
    ]
    for each, (what, instead) in _LIMITS.items():
        if each in (bounding or ()):
            found.append(Finding(what, "ok", f"by cgroup ({each}.max)"))
        else:
            found.append(Finding(what, "degraded", instead, delegate))
    return found


_LIMITS = {
    "cpu": (
        "cpu limit",
        "none: no cgroup controller to be had, and rlimits cannot bound a share",
    ),
    "memory": (
        "memory limit",
        "watched four times a second, and RLIMIT_DATA 1 GiB above it",
    ),
    "pids": ("process limit", "watched four times a second"),
}
"""What it is called and what there is without it, by the kernel's controller."""


def confinement(home: Path) -> Finding:
    """home: the state folder, which instances must not see."""
    abi = landlock.abi()
    state = os.path.realpath(home)
    if abi:
        seen = confine.readable(state, os.environ)
        hidden = [each for each in (sys.executable, os.__file__) if not _under(each, seen)]
        if hidden:
            return Finding(
                "Landlock",
                "missing",
                f"{state} holds {hidden[0]}, so instances would not see their Python",
                "set CATNAP_HOME to a folder of its own",
            )
    if not abi:
        return Finding(
            "Landlock",
            "degraded",
            "not in this kernel, or not among its LSMs: skills read what you can read",
            "run Linux 5.13 or newer with landlock in lsm=; until then trust the skills you run",
        )
    lacks = [what for since, what in ((3, "truncation"), (4, "TCP"), (6, "signals")) if abi < since]
    if lacks:
        found = f"version {abi}: confined, but for {', '.join(lacks)}"
        return Finding("Landlock", "degraded", found, "run Linux 6.12 or newer")
    return Finding("Landlock", "ok", f"version {abi}: files, TCP, signals")


def _under(path: str, folders: tuple[str, ...]) -> bool:
    real = os.path.realpath(path)
    return any(real == each or real.startswith(f"{each}/") for each in folders)


def disk(home: Path) -> Finding:
    """The state folder, or where it will be."""
    there = next(each for each in (home.resolve(), *home.resolve().parents) if each.is_dir())
    free = shutil.disk_usage(there).free
    found = f"{home}: {output.size(free)} free"
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding("state", "missing", f"{there} cannot be written", "set CATNAP_HOME")
    if free < LITTLE:
        state: Literal["missing", "degraded"] = "missing" if free < TOO_LITTLE else "degraded"
        return Finding("state", state, found, "free some, or set CATNAP_HOME to another disk")
    return Finding("state", "ok", found)


def clock() -> Finding:
    """Whether somebody keeps it right. Source: adjtimex(2)."""
    unsynchronised, length, status_at = 0x40, 208, 40
    buffer = ctypes.create_string_buffer(length)
    if sys.platform != "linux" or process.libc().adjtimex(buffer) < 0:
        return Finding("clock", "ok", "the kernel does not say whether it is kept right")
    status = int.from_bytes(buffer.raw[status_at : status_at + 4], sys.byteorder)
    if status & unsynchronised:
        advice = "start a time service, such as systemd-timesyncd or chrony"
        return Finding("clock", "degraded", "nobody keeps it right", advice)
    return Finding("clock", "ok", "kept right")
