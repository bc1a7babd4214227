"""The commands that work on skills' folders: new, lock, render."""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from catnap.skills.manifest import read_manifest
from tests.cli.conftest import Cli


def test_a_new_skill_passes_its_own_test(alone: Cli, tmp_path: Path) -> None:
    done = alone("new", "my-skill")
    assert done.status == 0
    assert "functions/my-skill/main.py" in done.out.splitlines()
    assert read_manifest(tmp_path / "functions" / "my-skill").name == "my-skill"
    test = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "functions/my-skill"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert test.returncode == 0, test.stdout
    assert "2 passed" in test.stdout


def test_new_refuses_a_name_that_is_taken_or_no_name(alone: Cli) -> None:
    alone("new", "one")
    alone("new", "two")
    assert alone("new", "one").status == 5
    for name in ("Upper", "-dash", "ünicode", "../escape", "a" * 64):
        assert alone("new", "--", name).status == 2


def test_render_prints_what_kubectl_applies(alone: Cli) -> None:
    alone("new", "one")
    alone("new", "two")
    both = list(yaml.safe_load_all(alone("render").out))
    assert [each["metadata"]["name"] for each in both] == ["one", "two"]
    assert both == alone("render", "--json").json
    [one] = yaml.safe_load_all(
        alone("render", "one", "--image", "registry.example/{skill}:1", "--namespace", "acme").out
    )
    assert one["metadata"]["namespace"] == "acme"
    [container] = one["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example/one:1"


def test_render_names_what_is_not_there(alone: Cli) -> None:
    done = alone("render")
    assert done.status == 4
    assert "catnap new" in done.err
    alone("new", "one")
    assert alone("render", "three").status == 4


def wheel(folder: Path, name: str, version: str) -> None:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = ""
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in ((f"{info}/METADATA", metadata), (f"{info}/WHEEL", tags)):
            archive.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
            record += f"{path},sha256={digest.rstrip('=')},{len(text)}\n"
        archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")


def test_lock_takes_the_hosts_requirements_in_and_no_address(
    alone: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    versions = {"httptools": "99.1", "msgspec": "99.2", "uvloop": "99.3", "yarn": "1.0"}
    versions["zstandard"] = "99.4"
    for name, version in versions.items():
        wheel(shelf, name, version)
    monkeypatch.setenv("UV_FIND_LINKS", str(shelf))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "functions" / "one"
    folder.mkdir(parents=True)

    done = alone("lock", "functions/one")
    assert done.status == 2
    assert "requirements.in does not exist" in done.err

    (folder / "requirements.in").write_text("yarn\n")
    assert alone("lock", "functions/one", "--json").json["packages"] == [
        "httptools==99.1",
        "msgspec==99.2",
        "uvloop==99.3",
        "yarn==1.0",
    ]
    text = (folder / "requirements.txt").read_text()
    assert text.count("--hash=sha256:") == 4
    assert "catnap lock functions/one" in text
    assert str(tmp_path) not in text
    assert "://" not in text

    (folder / "skill.toml").write_text(
        'name = "one"\ndescription = "Has workspaces."\n[session]\nworkspace = true\n'
    )
    assert "zstandard==99.4" in alone("lock", "functions/one", "--json").json["packages"]

    (folder / "requirements.in").write_text("nowhere-to-be-found\n")
    done = alone("lock", "functions/one")
    assert done.status == 2
    assert "nowhere-to-be-found" in done.err
    assert done.err.count("\n") == 1
