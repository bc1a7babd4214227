"""The key of secrets in a keyring: a real one, in a file."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyrings.alt.file import PlaintextKeyring

from catnap.access.keyring_key import SERVICE
from catnap.access.secret_rows import TABLES
from catnap.access.secrets import Secrets
from catnap.errors import InvalidRequest, Unavailable
from catnap.store import Store


@pytest.fixture(autouse=True)
def own() -> Iterator[None]:
    """Whatever keyring this machine has is not asked."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


def use(file: Path) -> PlaintextKeyring:
    backend = PlaintextKeyring()
    backend.file_path = str(file)
    keyring.set_keyring(backend)
    return backend


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[Secrets]:
    home.mkdir(exist_ok=True)
    store = Store(home / "catnap.db", [TABLES])
    try:
        yield Secrets(store, home, keeper="keyring")
    finally:
        store.close()


async def test_what_it_seals_opens_after_a_restart_and_no_key_is_in_the_state_folder(
    tmp_path: Path,
) -> None:
    use(tmp_path / "ring")
    home = tmp_path / "home"
    async with opened(home) as secrets:
        await secrets.start()
        await secrets.set("acme", "search", "api-key", b"hunter2", "key boss")
    use(tmp_path / "ring")
    async with opened(home) as secrets:
        await secrets.start()
        assert await secrets.of("acme", "search", ["api-key"]) == {"api-key": "hunter2"}
    assert not (home / "secrets.key").exists()
    key = keyring.get_password(SERVICE, f"secrets of {home.resolve()}")
    assert key
    assert len(key) == 43
    assert not [file for file in home.rglob("*") if key.encode() in file.read_bytes()]


async def test_each_state_folder_has_a_key_of_its_own(tmp_path: Path) -> None:
    backend = use(tmp_path / "ring")
    for name in ("one", "other"):
        async with opened(tmp_path / name) as secrets:
            await secrets.start()
    keys = {
        backend.get_password(SERVICE, f"secrets of {(tmp_path / name).resolve()}")
        for name in ("one", "other")
    }
    assert len(keys) == 2


async def test_another_keyring_opens_nothing(tmp_path: Path) -> None:
    use(tmp_path / "ring")
    async with opened(tmp_path / "home") as secrets:
        await secrets.set("acme", "search", "api-key", b"hunter2", "key boss")
    use(tmp_path / "another")
    async with opened(tmp_path / "home") as secrets:
        with pytest.raises(Unavailable, match="set it again"):
            await secrets.of("acme", "search", ["api-key"])


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring])
async def test_without_a_keyring_it_says_so_at_the_start_and_what_to_do(
    tmp_path: Path, backend: type[KeyringBackend]
) -> None:
    keyring.set_keyring(backend())
    async with opened(tmp_path / "home") as secrets:
        with pytest.raises(InvalidRequest, match=r"(?s)cannot be used.*CATNAP_SECRETS_KEY=file"):
            await secrets.start()


async def test_without_the_package_it_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    async with opened(tmp_path / "home") as secrets:
        with pytest.raises(InvalidRequest, match=r"catnap-functions\[keyring\]"):
            await secrets.start()
