"""catnap new."""

from __future__ import annotations

import re
from pathlib import Path

import click

from catnap.cli import output
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.settings import Settings
from catnap.errors import Conflict, InvalidRequest

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z")


@click.command(cls=Command)
@click.argument("name")
@with_json
@with_settings("functions")
def new(settings: Settings, name: str, as_json: bool) -> None:
    """Writes a skill that runs and passes its own test, to start from.

    \b
    catnap new my-skill
    python -m pytest functions/my-skill
    catnap call my-skill --data '{"name": "Ada"}'
    """
    if not _NAME.match(name):
        raise InvalidRequest(
            f"skill name {name!r}: use up to 63 lower-case letters, digits and '-', "
            "beginning with a letter"
        )
    folder = settings.functions / name
    if folder.exists():
        raise Conflict(f"{folder} exists already: choose another name")
    written = []
    for path, text in scaffold(name).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        written.append(target)
    if as_json:
        output.as_json([str(path) for path in written])
        return
    for path in written:
        click.echo(path)
    output.note(f"its test: python -m pytest {folder}")
    output.note(f"""call it:  catnap call {name} --data '{{"name": "Ada"}}'""")


def scaffold(name: str) -> dict[Path, str]:
    """The files of a new skill, by their path in its folder."""
    return {
        Path("skill.toml"): _MANIFEST.replace("NAME", name),
        Path("main.py"): _MAIN,
        Path("tests/conftest.py"): _CONFTEST,
        Path("tests/test_main.py"): _TEST,
    }


_MANIFEST = """\
name = "NAME"
description = "Greets somebody by name."
entry = "main:greet"

# [scale]
# window = "60s"            # without a call for this long, no process is left
# [limits]
# timeout = "300s"
# [models]
# allow = ["minilm-l6-v2"]  # what ctx.models may ask
# [[triggers.events]]
# name = "hello"
# types = ["com.example.hello"]
"""

_MAIN = '''\
"""Greets somebody by name."""

import msgspec

from catnap import Context, InvalidRequest, skill


class Person(msgspec.Struct):
    """What the skill is given; an agent sees it as JSON Schema."""

    name: str


class Greeting(msgspec.Struct):
    text: str


@skill
async def greet(ctx: Context, person: Person) -> Greeting:
    if not person.name:
        raise InvalidRequest("name: must not be empty")
    return Greeting(f"Hello, {person.name}!")
'''

_CONFTEST = """\
import sys
from pathlib import Path

# As on the platform, the skill's folder is where its modules are.
sys.path.insert(0, str(Path(__file__).parents[1]))
"""

_TEST = """\
import asyncio

import main
import pytest

from catnap import InvalidRequest
from catnap.skills.testing import call


def test_it_greets_by_name():
    answer = asyncio.run(call(main.greet, {"name": "Ada"}))
    assert answer == {"text": "Hello, Ada!"}


def test_a_name_is_needed():
    with pytest.raises(InvalidRequest, match="name"):
        asyncio.run(call(main.greet, {"name": ""}))
"""
