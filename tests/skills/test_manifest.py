from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest
from catnap.skills.manifest import Manifest, parse_manifest, read_manifest

HEAD = 'name = "search"\ndescription = "Finds things."\n'
FULL = """
name = "search"
description = "Finds things."
version = "2.0.0"
entry = "app.main:search"

[scale]
min = 1
max = 5
concurrency = 20
target = 14.5
window = "30s"
idle = "5m"
preload = ["numpy"]

[env]
LEVEL = "high"

[limits]
cpu = "500m"
memory = "1Gi"
timeout = "2m"

[session]
affinity = false
share = "user"
idle = "1h"
max = 40

[models]
allow = ["minilm-l6-v2"]

[egress]
allow = ["example.com"]

[access]
roles = ["analyst"]

[[triggers.events]]
name = "files"
types = ["catnap.file.created"]
coalesce = "user"
filters = [{ any = [{ suffix = { subject = ".md" } }, { exact = { source = "/a" } }] }]
"""


def test_two_lines_are_enough() -> None:
    manifest = parse_manifest(HEAD)
    assert manifest == Manifest(name="search", description="Finds things.")
    assert (manifest.entry, manifest.scale.min, manifest.limits.timeout) == ("main", 0, 300)


def test_everything_that_can_be_said_is_read() -> None:
    manifest = parse_manifest(FULL)
    assert manifest.entry == "app.main:search"
    assert (manifest.scale.target, manifest.scale.window, manifest.scale.idle) == (14.5, 30, 300)
    assert manifest.limits.timeout == 120
    session = manifest.session
    assert (session.share, session.idle, session.max) == ("user", 3600, 40)
    [trigger] = manifest.triggers.events
    assert trigger.coalesce == "user"
    assert trigger.filters[0]["any"][0] == {"suffix": {"subject": ".md"}}
    assert manifest.env == {"LEVEL": "high"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[scael]\nmin = 1", r"unknown key 'scael': did you mean 'scale'\?"),
        ("[scale]\nmni = 1", r"unknown key 'scale\.mni': did you mean 'scale\.min'\?"),
        ("[access]\nzzz = 1", r"unknown key 'access\.zzz': known: roles"),
        (
            '[[triggers.events]]\nname = "a"\ntypse = []',
            r"'triggers\.events\[0\]\.typse': did you mean 'triggers\.events\[0\]\.types'\?",
        ),
        ("[scale]\nmax = 'x'", r"scale\.max: Expected `int`, got `str`"),
        ("scale = 3", "scale: Expected `object`"),
        ("[env]\nA = 1", r"env\[\.\.\.\]: Expected `str`, got `int`"),
        ("[scale]\nmin = -1", "scale.min: must be 0 or more"),
        ("[scale]\npreload = ['a,b']", r"scale.preload\[0\]: must be a module's name"),
        ("[scale]\nmin = 3\nmax = 2", "scale.max: must be at least scale.min"),
        ("[scale]\nconcurrency = 1001", "scale.concurrency: must be 0 to 1000"),
        ("[scale]\ntarget = inf", "scale.target: must be 0.01 or more"),
        ("[scale]\ntarget = 0.001", "scale.target: must be 0.01 or more"),
        ("[scale]\nwindow = '5s'", "scale.window: must be 6s to 1h"),
        ("[scale]\nidle = inf", "scale.idle: inf is no length of time"),
        ("[scale]\nqueue = 0", "scale.queue: must be 1 or more"),
        ("[scale]\nwindow = 'soon'", "scale.window: 'soon' is no length of time"),
        ("[session]\nidle = '0s'", "session.idle: must be 1s or more"),
        ("[session]\nmax = 9", "session.max: must be 0, or scale.concurrency or more"),
        ("[scale]\nconcurrency = 0\n[session]\nmax = 9", "session.max: must be 0, or"),
        ("[limits]\ntimeout = '11m'", "limits.timeout: must be 1s to 600s"),
        ("[limits]\ncpu = '0'", "limits.cpu: must be cores"),
        ("[limits]\nmemory = '0Mi'", "limits.memory: must be bytes"),
        ("[limits]\nmemory = '1GB'", "limits.memory: must be bytes"),
        ("[limits]\ngpu = -1", "limits.gpu: must be 0 or more"),
        ("entry = 'a.py'\nsignature = 'x'", "signature: Invalid enum value 'x'"),
        ("entry = 'a:b:c'", "entry: must be module or module:function"),
        ("entry = '../a'", "entry: must be module or module:function"),
        ("[session]\nshare = 'all'", "session.share: Invalid enum value 'all'"),
        ('[[triggers.events]]\nname = "A"\ntypes = ["t"]', r"events\[0\]\.name: must be a DNS"),
        ('[[triggers.events]]\nname = "a"\ntypes = []', r"events\[0\]\.types: must be one event"),
        (
            '[[triggers.events]]\nname = "a"\ntypes = ["t"]\n' * 2,
            r"events\[0\]\.name: must be unique within the skill",
        ),
        (
            '[[triggers.events]]\nname = "a"\ntypes = ["t"]\nfilters = [{ sufix = { a = "b" } }]',
            r"triggers\.events\[0\]\.filters\[0\]: 'sufix' is no dialect",
        ),
        ("name = 'twice'", "not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        parse_manifest(HEAD + text)


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "1a", "a" * 64, "a.b", "é"])
def test_a_name_is_a_dns_label(name: str) -> None:
    with pytest.raises(InvalidRequest, match="name: must be lower-case"):
        parse_manifest(f'name = "{name}"\ndescription = "x"')


def test_a_skill_says_what_it_does() -> None:
    with pytest.raises(InvalidRequest, match="missing required field `description`"):
        parse_manifest('name = "a"')
    with pytest.raises(InvalidRequest, match="description: must be a sentence"):
        parse_manifest('name = "a"\ndescription = " "')


def test_a_folder_that_is_no_skill_is_told_how_to_become_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"has no skill\.toml; `catnap new` makes one"):
        read_manifest(tmp_path)


def test_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "skill.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidRequest, match=r"skill\.toml: cannot be read"):
        read_manifest(tmp_path)
    (tmp_path / "skill.toml").write_text('name = "a"')
    with pytest.raises(InvalidRequest, match=r"/skill\.toml: Object missing"):
        read_manifest(tmp_path)


MANY_AT_ONCE = f"""
import sys, threading
from catnap.skills.manifest import parse_manifest

sys.setswitchinterval(1e-6)
begin = threading.Barrier(8)

def read():
    begin.wait()
    parse_manifest({FULL!r})

threads = [threading.Thread(target=read) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
"""


def test_many_threads_may_be_the_first_to_read_one() -> None:
    for _ in range(6):  # without the lock, one in three ends by SIGSEGV
        subprocess.run([sys.executable, "-c", MANY_AT_ONCE], check=True)
