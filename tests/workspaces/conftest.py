"""Workspaces over a folder, and a store of either kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catnap.files import FolderStore
from catnap.store import Store
from catnap.workspaces import Workspace, Workspaces
from catnap.workspaces.rows import TABLES

MINE = Workspace("acme", "ada", "coder", "s1")


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[FolderStore]:
    store = FolderStore(tmp_path / "objects")
    yield store
    store.close()


@pytest.fixture
def store(lasting: str) -> Iterator[Store]:
    store = Store(lasting, [TABLES])
    yield store
    store.close()


@pytest.fixture
def workspaces(objects: FolderStore, store: Store) -> Workspaces:
    return Workspaces(objects, store)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made
