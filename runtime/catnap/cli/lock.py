"""catnap lock."""

from __future__ import annotations

import subprocess
import tempfile
from importlib.metadata import requires
from pathlib import Path

import click

from catnap.cli import output
from catnap.cli.options import Command, with_json
from catnap.errors import InvalidRequest, Unavailable
from catnap.skills import read_manifest

DISTRIBUTION = "catnap-functions"


@click.command(cls=Command)
@click.argument("folder", metavar="SKILL_FOLDER", type=click.Path(path_type=Path))
@click.option("--upgrade", is_flag=True, help="Take the newest versions, not those locked so far.")
@with_json
def lock(folder: Path, upgrade: bool, as_json: bool) -> None:
    """Locks a skill's requirements.in into its requirements.txt.

    Together with what the function host itself needs, by version and hash.

    \b
    catnap lock functions/document-search
    """
    source, target = folder / "requirements.in", folder / "requirements.txt"
    if not source.is_file():
        raise InvalidRequest(
            f"{source} does not exist: write the packages that the skill imports into it, or "
            "leave both files out where it needs none"
        )
    with tempfile.NamedTemporaryFile("w", suffix=".in") as host:
        host.write("\n".join(host_requirements(_workspaces(folder))))
        host.flush()
        _compile(folder, Path(host.name), source, target, upgrade)
    names = [line.split()[0] for line in target.read_text().splitlines() if "==" in line]
    if as_json:
        output.as_json({"file": str(target), "packages": names})
    else:
        click.echo(f"{target}: {len(names)} packages")


def host_requirements(workspaces: bool = False) -> list[str]:
    """What every instance has besides the skill's own packages. workspaces:
    where each session has a folder of its own."""
    extras = ("uvloop", "workspaces") if workspaces else ("uvloop",)
    found = []
    for each in _requires():
        named, _, extra = each.partition("extra == ")
        if not extra or extra.strip("'") in extras:
            found.append(named.rstrip("; "))
    return found


def _workspaces(folder: Path) -> bool:
    """A function without a skill.toml has none."""
    return (folder / "skill.toml").is_file() and read_manifest(folder).session.workspace


def _requires() -> list[str]:
    """Ours, with their extras quoted in one way."""
    return [each.replace('"', "'") for each in requires(DISTRIBUTION) or ()]


def _compile(folder: Path, host: Path, source: Path, target: Path, upgrade: bool) -> None:
    try:
        from uv import find_uv_bin
    except ImportError:
        raise Unavailable("locking needs uv: install catnap-functions[gateway]") from None
    done = subprocess.run(
        [
            *(find_uv_bin(), "pip", "compile", "--quiet", "--no-config", "--universal"),
            *("--python-version", "3.11", "--generate-hashes", "--no-emit-index-url"),
            *("--no-annotate", "--custom-compile-command", f"catnap lock {folder}"),
            *(["--upgrade"] if upgrade else []),
            *("--output-file", str(target), str(source), str(host)),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise InvalidRequest(f"{source}: cannot be locked: {said[:500]}")
