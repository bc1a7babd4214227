"""Gateways of one store have their keys in common."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from catnap.access import shared_keys
from catnap.errors import InvalidRequest
from catnap.store import Store


@pytest.fixture
def store(lasting: str) -> Iterator[Store]:
    store = Store(lasting, [shared_keys.TABLES])
    yield store
    store.close()


async def test_a_gateway_that_comes_back_has_the_keys_it_had(store: Store, tmp_path: Path) -> None:
    await shared_keys.check(store, tmp_path / "one")
    await shared_keys.check(store, tmp_path / "one")


@pytest.mark.parametrize("lacking", shared_keys.FILES)
async def test_a_gateway_with_another_key_is_told_which_until_it_has_it(
    store: Store, tmp_path: Path, lacking: str
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    await shared_keys.check(store, one)
    two.mkdir()
    for name in shared_keys.FILES:
        if name != lacking:
            shutil.copy(one / name, two / name)
    with pytest.raises(InvalidRequest, match=f"two/{lacking}: the store was written with another"):
        await shared_keys.check(store, two)
    shutil.copy(one / lacking, two / lacking)
    await shared_keys.check(store, two)
