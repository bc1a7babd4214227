"""catnap doctor: what is there, what is not, and what to do."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catnap.cli import machine
from catnap.cli.machine import Finding
from catnap.host import landlock
from tests.cli.conftest import Cli


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address that is in use by somebody who does not answer."""
    with socket.socket() as other, socket.socket() as free:
        for each in (other, free):
            each.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        monkeypatch.setenv("CATNAP_GRPC", f"127.0.0.1:{port}")
        monkeypatch.delenv("KUBECONFIG", raising=False)
        yield f"127.0.0.1:{other.getsockname()[1]}"


def by_name(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["what"]: each for each in found}


def test_every_finding_has_a_state_and_what_is_not_right_has_an_advice(
    alone: Cli, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATNAP_HTTP", "127.0.0.1:0")
    done = alone("doctor", "--json")
    assert (done.status, done.err) == (0, "")
    found = by_name(done.json)
    assert {"Python", "Landlock", "cpu limit", "memory limit", "state", "gateway"} <= set(found)
    for each in found.values():
        assert each["state"] in ("ok", "degraded")
        assert bool(each["advice"]) == (each["state"] != "ok")
    shown = alone("doctor").out.splitlines()
    assert shown[0].split(maxsplit=3) == ["what", "state", "found", "what to do"]
    assert len(shown) == len(found) + 1


def test_an_address_that_is_taken_is_missing_and_says_how_to_choose_another(
    alone: Cli, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATNAP_HTTP", taken)
    done = alone("doctor", "--json")
    assert done.status == 1
    port = by_name(done.json)["http port"]
    assert port["state"] == "missing"
    assert port["found"] == f"{taken}: Address already in use"
    assert "CATNAP_HTTP" in port["advice"]


def test_a_cluster_that_is_asked_for_and_not_there_is_missing(
    alone: Cli, taken: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CATNAP_HTTP", "127.0.0.1:0")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    done = alone("doctor", "--json")
    assert done.status == 1
    assert by_name(done.json)["cluster"]["state"] == "missing"
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("version", "state", "says"),
    [(0, "degraded", "read what you can"), (1, "degraded", "truncation"), (6, "ok", "signals")],
)
def test_what_landlock_covers_is_told_by_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: int, state: str, says: str
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: version)
    found = machine.confinement(tmp_path)
    assert found.state == state
    assert says in found.found


def test_a_state_folder_among_pythons_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 6)
    home = Path(os.path.realpath(os.__file__)).parent / "state"
    assert machine.confinement(home).state == "missing"
    assert machine.confinement(Path(sys.prefix).parent / "state").state == "ok"


def test_a_disk_that_is_nearly_full_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert machine.disk(tmp_path / "not" / "yet").found.startswith(str(tmp_path))
    monkeypatch.setattr(machine, "LITTLE", 1 << 62)
    assert machine.disk(tmp_path).state == "degraded"
    monkeypatch.setattr(machine, "TOO_LITTLE", 1 << 61)
    assert machine.disk(tmp_path).state == "missing"


def test_a_package_that_is_not_installed_says_what_it_is_for() -> None:
    assert machine.package("no_such_package", "it helps") == Finding(
        "no_such_package",
        "degraded",
        "not installed",
        "pip install 'catnap-functions[all]': it helps",
    )
