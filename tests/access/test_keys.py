"""Keys: bearer secrets, of which only hashes are held."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest

from catnap.access import (
    Credentials,
    Grant,
    Grants,
    Key,
    KeyRing,
    Principal,
    admin_key,
    bearer_token,
)
from catnap.access.grants import grant_secret
from catnap.errors import InvalidRequest, Unauthenticated

SECRET = "catnap_" + "s" * 43
OTHER = "catnap_" + "t" * 43


NOW = 1_800_000_000.0
NOBODY = 65534


def ring() -> Credentials:
    return Credentials(
        KeyRing(
            [
                Key.of(SECRET, name="agent core", roles=["caller"], tenant="acme"),
                Key.of(OTHER, name="alice", roles=["viewer", "finance"], user="alice"),
            ]
        )
    )


async def test_a_key_says_who_calls() -> None:
    assert await ring().authenticate(SECRET, NOW) == Principal(
        "acme", None, frozenset({"caller"}), "key agent core"
    )
    assert await ring().authenticate(OTHER, NOW) == Principal(
        "default", "alice", frozenset({"viewer", "finance"}), "key alice"
    )


@pytest.mark.parametrize("bearer", [None, ""])
async def test_without_a_key_the_caller_learns_where_to_get_one(bearer: str | None) -> None:
    with pytest.raises(Unauthenticated, match=r"no credential: .*Bearer.*CATNAP_TOKEN.*admin\.key"):
        await ring().authenticate(bearer, NOW)


@pytest.mark.parametrize(
    "bearer",
    [
        "x",
        SECRET[:-1],
        SECRET + "s",
        SECRET.upper(),
        SECRET[:-1] + "é",
        "sha256:" + "0" * 64,
        Key.of(SECRET, name="n", roles=[]).hash,
        "\ud800",
        "\0",
        "x" * 100_000,
    ],
    ids=lambda bearer: ascii(bearer[:12]),
)
async def test_an_unknown_key_is_refused_and_not_repeated(bearer: str) -> None:
    with pytest.raises(Unauthenticated, match="not known here") as refused:
        await ring().authenticate(bearer, NOW)
    assert len(bearer) < 2 or bearer not in refused.value.message


async def test_a_grant_is_no_key() -> None:
    token = Grants(b"x" * 32).issue(Grant(tenant="t", user="u", expires=1.0))
    with pytest.raises(Unauthenticated, match=r"grant of a task.*/callback"):
        await ring().authenticate(token, NOW)


async def test_no_key_is_good_where_there_are_none() -> None:
    with pytest.raises(Unauthenticated):
        await Credentials(KeyRing([])).authenticate(SECRET, NOW)


def test_a_record_holds_no_secret_and_survives_storing() -> None:
    key = Key.of(SECRET, name="n", roles=["caller"])
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", key.hash)
    stored = msgspec.json.encode(key)
    assert SECRET.encode() not in stored
    assert msgspec.json.decode(stored, type=Key) == key


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"name": ""}, "key name"),
        ({"name": "a\nb"}, "key name"),
        ({"name": "x" * 257}, "key name"),
        ({"tenant": ""}, "tenant"),
        ({"tenant": "a\0"}, "tenant"),
        ({"user": ""}, "user"),
        ({"user": "\ud800"}, "user"),
        ({"user": "x" * 257}, "user"),
        ({"roles": ["Caller"]}, "role 'Caller'"),
        ({"roles": [""]}, "role ''"),
        ({"secret": "short"}, "at least 16"),
        ({"secret": "x" * 15 + "é"}, "printable ASCII"),
        ({"secret": "with a space in it"}, "space"),
        ({"secret": "cg1." + "x" * 43}, "cg1"),
    ],
    ids=str,
)
def test_a_key_that_cannot_be_is_refused(changed: dict, named: str) -> None:
    given = {"secret": SECRET, "name": "n", "roles": ["caller"]} | changed
    with pytest.raises(InvalidRequest, match=named):
        Key.of(given.pop("secret"), **given)


def test_a_hash_of_another_kind_is_refused() -> None:
    for wrong in ("", "md5:" + "0" * 64, "sha256:" + "0" * 63, "sha256:" + "G" * 64):
        with pytest.raises(InvalidRequest, match="hash"):
            Key(hash=wrong, tenant="t", user=None, roles=(), name="n")


def test_the_token_of_a_header() -> None:
    assert bearer_token(None) is None
    assert bearer_token("Bearer abc") == bearer_token("bearer  abc ") == "abc"
    for wrong in ("", "Bearer", "Bearer ", "Basic abc", "abc"):
        with pytest.raises(Unauthenticated, match="no bearer token"):
            bearer_token(wrong)


@pytest.mark.parametrize("make", [admin_key, grant_secret])
def test_a_secret_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path, make) -> None:
    home = tmp_path / "new" / "home"
    first = make(home)
    assert make(home) == first != make(tmp_path / "other")
    assert len(first) >= 43
    [path] = home.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert home.stat().st_mode & 0o077 == 0


def test_the_admin_key_looks_like_one(tmp_path: Path) -> None:
    assert re.fullmatch(r"catnap_[0-9A-Za-z]{43}", admin_key(tmp_path))
    assert (tmp_path / "admin.key").read_text().strip() == admin_key(tmp_path)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o660])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    admin_key(tmp_path)
    path = tmp_path / "admin.key"
    path.chmod(mode)
    with pytest.raises(InvalidRequest, match=rf"admin\.key: others .*{mode:04o}.*chmod 600"):
        admin_key(tmp_path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can keep a file for a group")
@pytest.mark.parametrize(("mode", "good"), [(0o440, True), (0o460, False), (0o444, False)])
def test_a_key_that_root_keeps_for_our_group_is_taken_as_a_pod_has_it(
    mode: int, good: bool
) -> None:
    with tempfile.TemporaryDirectory() as home:  # pytest's own folder is closed to others
        path = Path(home) / "admin.key"
        path.write_text("k" * 43)
        os.chown(path, 0, NOBODY)
        path.chmod(mode)
        Path(home).chmod(0o755)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        try:
            if good:
                assert admin_key(Path(home)) == "k" * 43
            else:
                with pytest.raises(InvalidRequest, match=f"others .*{mode:04o}"):
                    admin_key(Path(home))
        finally:
            os.seteuid(0)
            os.setegid(0)


def test_what_is_no_key_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "admin.key"
    for content in ("", "\n", "short\n", "x" * 20 + " " + "x" * 20, "é" * 40):
        path.write_text(content)
        path.chmod(0o600)
        with pytest.raises(InvalidRequest, match=r"admin\.key: holds no key"):
            admin_key(tmp_path)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidRequest, match=r"admin\.key"):
        admin_key(tmp_path)
    path.unlink()
    path.mkdir(mode=0o700)
    with pytest.raises(InvalidRequest, match=r"admin\.key"):
        admin_key(tmp_path)


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from catnap.access import admin_key;"
        "sys.stdin.read(); print(admin_key(pathlib.Path(sys.argv[1])))"
    )
    runtime = Path(__file__).resolve().parents[2] / "runtime"
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", program, tmp_path],
            env=os.environ | {"PYTHONPATH": str(runtime)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for start in starts:
        assert start.stdin
        start.stdin.close()
    keys = set()
    for start in starts:
        assert start.stdout
        with start:
            keys.add(start.stdout.read())
        assert start.returncode == 0
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["admin.key"]
