"""Workspaces as they are kept here, and as a cluster would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from catnap.files import FolderStore
from catnap.files.s3 import Bucket, S3Store
from catnap.store import Store
from catnap.workspaces import Workspace, Workspaces
from catnap.workspaces.rows import TABLES
from tests.contract import versitygw

MINE = Workspace("acme", "ada", "coder", "s1")


@pytest.fixture(params=["here", "cluster"])
def side(request: pytest.FixtureRequest) -> str:
    """A folder and a file, or S3 and Postgres."""
    return str(request.param)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    program = versitygw.find()
    if program is None:
        pytest.skip(versitygw.HOW)
    with versitygw.running(program, tmp_path_factory.mktemp("s3")) as bucket:
        yield bucket


@pytest_asyncio.fixture
async def objects(
    side: str, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[FolderStore | S3Store]:
    """An object store that is empty."""
    if side == "here":
        store: FolderStore | S3Store = FolderStore(tmp_path / "objects")
    else:
        store = S3Store(request.getfixturevalue("bucket"))
    for stat in await store.list("", limit=10_000):
        await store.delete(stat.key)
    yield store
    store.close()


@pytest.fixture
def store(side: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store that is empty."""
    here = side == "here"
    place = str(tmp_path / "catnap.db") if here else request.getfixturevalue("shared")
    store = Store(place, [TABLES])
    yield store
    store.close()


@pytest.fixture
def workspaces(objects: FolderStore | S3Store, store: Store) -> Workspaces:
    return Workspaces(objects, store)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made
