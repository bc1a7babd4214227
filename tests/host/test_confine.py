"""What an instance may reach: by the list, and by the kernel."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catnap.host import confine, landlock

from .conftest import MakeFolder, Zygote, ask

needs_landlock = pytest.mark.skipif(
    not landlock.abi(), reason="this kernel has no Landlock, or does not run it"
)

SKILL = """
    import ctypes, multiprocessing, os, signal, socket, subprocess, sys, tempfile
    from pathlib import Path
    from typing import Any
    from catnap import Context, skill

    def attempt(ask, *arguments):
        try:
            return "yes", ask(*arguments)
        except OSError as error:
            return "no", error.strerror

    def connect(port):
        socket.create_connection(("127.0.0.1", port), 10).close()

    @skill
    def reach(ctx: Context, request: list) -> Any:
        match request:
            case ["read", path]:
                return attempt(lambda: len(Path(path).read_bytes()))[0]
            case ["list", path]:
                return attempt(os.listdir, path)[0]
            case ["write", path]:
                return attempt(Path(path).write_text, "mine")[0]
            case ["truncate", path]:
                return attempt(os.truncate, path, 0)[0]
            case ["rename", path, other]:
                return attempt(os.rename, path, other)[0]
            case ["connect", port]:
                return attempt(connect, port)[0]
            case ["signal", pid]:
                return attempt(os.kill, pid, 0)[0]
            case ["own"]:
                with tempfile.TemporaryDirectory() as folder:
                    made = Path(folder, "made")
                    made.write_text("1")
                    os.truncate(made, 0)
                    made.rename(Path(folder).parent / "moved")
                return sorted(os.listdir(os.environ["TMPDIR"])), Path("main.py").exists()
            case ["run"]:
                inner = "import ssl, json; print(json.dumps(len(open('/proc/self/status').read())))"
                return int(subprocess.check_output([sys.executable, "-c", inner], text=True)) > 0
            case ["lock"]:
                with multiprocessing.get_context("spawn").Lock():
                    return "yes"
            case ["powers"]:
                status = Path("/proc/self/status").read_text()
                return [line.split()[1] for line in status.splitlines()
                        if line.startswith(("CapEff", "CapPrm", "NoNewPrivs"))]
"""


@pytest.mark.parametrize(
    ("abi", "words", "there", "missing"),
    [
        (1, 1, 1 << 12, 1 << 13),
        (2, 1, 1 << 13, 1 << 14),
        (3, 1, 1 << 14, 1 << 15),
        (4, 2, 1 << 14, 1 << 15),
        (5, 2, 1 << 15, 1 << 16),
        (6, 3, 1 << 15, 1 << 16),
        (7, 3, 1 << 15, 1 << 16),
    ],
)
def test_a_kernel_is_asked_for_no_more_than_its_version_knows(
    abi: int, words: int, there: int, missing: int
) -> None:
    handled = landlock.handled(abi)
    assert handled.files & there
    assert not handled.files & missing
    assert bool(handled.network) == (abi >= 4)
    assert bool(handled.scope) == (abi >= 6)
    packed = handled.packed(abi)
    assert struct.unpack(f"={words}Q", packed)[0] == handled.files


def test_reading_is_no_writing_and_nobody_makes_devices() -> None:
    written = landlock.WRITE & ~landlock.READ
    assert written & landlock.WRITE_FILE
    assert not landlock.READ & written
    assert not landlock.WRITE & (1 << 6 | 1 << 11)


def test_what_is_readable_is_there_once_and_holds_nothing_of_the_platform(tmp_path: Path) -> None:
    state = tmp_path / "state"
    paths = confine.readable(str(state), {"LD_LIBRARY_PATH": f"{tmp_path}:relative:{state}/venv"})
    assert str(tmp_path) not in paths
    for path in paths:
        assert os.path.realpath(path) == path
        assert not str(state).startswith(f"{path}/")
        assert not any(other != path and path.startswith(f"{other}/") for other in paths)
    for needed in (sys.executable, os.__file__, confine.__file__, pytest.__file__):
        real = os.path.realpath(needed)
        assert any(real.startswith(path) for path in paths), needed


def test_private_keys_of_the_machine_are_not_readable() -> None:
    for path in confine.readable("", {}):
        for secret in ("/etc/ssl/private", "/etc/pki/tls/private"):
            assert not secret.startswith(path)


def test_a_library_folder_of_the_environment_is_readable(tmp_path: Path) -> None:
    found = confine.readable("", {"LD_LIBRARY_PATH": str(tmp_path)})
    assert str(tmp_path.resolve()) in found


@pytest.fixture
def reach(
    zygote: Callable[..., Zygote], folder: MakeFolder, tmp_path: Path
) -> Callable[[list[Any]], Any]:
    """Asks a confined instance; what it may connect to is CATNAP_CALLBACK."""
    parent = zygote(state=str(tmp_path / "state"))
    parent.hear()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    made = folder(SKILL)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        here = {"CATNAP_CALLBACK": f"127.0.0.1:{port}", "TMPDIR": str(scratch)}
        one = parent.fork("one", made, scratch=str(scratch), **here)
        parent.hear()
        assert one.told().get("ready")

        def reach(request: list[Any]) -> Any:
            if request == ["connect"]:
                request = ["connect", port]
            return ask(one.target, request)[1]

        yield reach


@needs_landlock
def test_it_sees_its_own_code_and_folder_and_nothing_of_the_platform(reach, tmp_path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    key = state / "admin.key"
    key.write_text("secret")
    moved = str(tmp_path / "scratch" / "key")
    assert reach(["read", str(key)]) == "no"
    assert reach(["write", str(key)]) == "no"
    assert reach(["rename", str(key), moved]) == "no"
    assert [reach(["list", str(each)]) for each in (state, tmp_path, Path.home())] == ["no"] * 3
    assert reach(["read", f"/proc/{os.getpid()}/environ"]) == "no"
    assert reach(["write", str(tmp_path / "skill1" / "main.py")]) == "no"
    assert reach(["own"]) == [["moved"], True]
    assert key.read_text() == "secret"


@needs_landlock
@pytest.mark.skipif(landlock.abi() < 3, reason="this kernel's Landlock lets everybody truncate")
def test_it_truncates_nothing_of_others(reach, tmp_path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("all of it")
    assert reach(["truncate", str(kept)]) == "no"
    assert kept.read_text() == "all of it"


@needs_landlock
@pytest.mark.skipif(landlock.abi() < 4, reason="this kernel's Landlock knows no network")
def test_it_connects_to_the_gateway_alone(reach) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert reach(["connect", other.getsockname()[1]]) == "no"
    assert reach(["connect"]) == "yes"


@needs_landlock
@pytest.mark.skipif(landlock.abi() < 6, reason="this kernel's Landlock knows no signals")
def test_it_signals_nobody_outside(reach) -> None:
    assert reach(["signal", os.getpid()]) == "no"


def test_what_it_starts_works_and_so_do_locks_between_processes(reach) -> None:
    assert reach(["run"]) is True
    assert reach(["lock"]) == "yes"


def test_it_has_no_powers_and_gets_none(reach) -> None:
    assert reach(["powers"]) == ["0" * 16, "0" * 16, "1"]
