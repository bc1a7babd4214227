"""What `catnap login` keeps, and who gets it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from catnap.client import connect
from catnap.client.logins import forget, given, keep, kept, place
from catnap.errors import InvalidRequest, Unauthenticated
from tests.client.gateway import TOKEN, Gateway, running

ONE, OTHER = "one.example:9000", "other.example:9000"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "catnap" / "keys.json"


def test_a_key_goes_to_the_address_it_was_kept_for_and_to_no_other(file: Path) -> None:
    keep(file, "key-of-one", ONE)
    assert kept(file, ONE) == kept(file, ONE.upper()) == "key-of-one"
    assert kept(file, OTHER) == kept(file, "one.example:8080") == ""


def test_keys_are_replaced_and_forgotten_by_address(file: Path) -> None:
    assert kept(file, ONE) == ""
    assert not forget(file, ONE)
    keep(file, "first", ONE, OTHER)
    keep(file, "second", ONE)
    assert (kept(file, ONE), kept(file, OTHER)) == ("second", "first")
    assert forget(file, ONE)
    assert (kept(file, ONE), kept(file, OTHER)) == ("", "first")


def test_only_its_owner_can_read_the_file(file: Path) -> None:
    keep(file, "key", ONE)
    keep(file, "key", OTHER)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [each.name for each in file.parent.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o622])
def test_a_file_that_others_can_read_is_refused(file: Path, mode: int) -> None:
    keep(file, "key", ONE)
    file.chmod(mode)
    for use in (lambda: kept(file, ONE), lambda: keep(file, "new", ONE), lambda: forget(file, ONE)):
        with pytest.raises(InvalidRequest, match=rf"keys\.json: others .*{mode:04o}.*chmod 600"):
            use()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1}', b"\xff"])
def test_what_is_no_such_file_is_refused_by_name(file: Path, content: bytes) -> None:
    keep(file, "key", ONE)
    file.write_bytes(content)
    with pytest.raises(InvalidRequest, match=r"keys\.json: holds no keys"):
        kept(file, ONE)


def test_the_file_is_in_the_users_own_settings() -> None:
    assert place({"XDG_CONFIG_HOME": "/x"}) == Path("/x/catnap/keys.json")
    for none in ({}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "relative"}):
        assert place(none) == Path.home() / ".config" / "catnap" / "keys.json"


def test_what_the_environment_says_comes_first(file: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(file.parent.parent)}
    keep(file, "kept-key", ONE)
    assert given(ONE, environment) == "kept-key"
    assert given(ONE, {**environment, "CATNAP_TOKEN": "said"}) == "said"
    assert given(OTHER, environment) == ""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running() as gateway:
        yield gateway


def test_a_client_without_a_token_sends_what_was_kept(
    gateway: Gateway, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(file.parent.parent))
    monkeypatch.delenv("CATNAP_TOKEN", raising=False)
    with connect(gateway.address) as catnap, pytest.raises(Unauthenticated):
        catnap.skills.list()
    keep(file, TOKEN, gateway.address)
    with connect(gateway.address) as catnap:
        catnap.skills.list()
    with connect(gateway.address, "") as catnap, pytest.raises(Unauthenticated):
        catnap.skills.list()
