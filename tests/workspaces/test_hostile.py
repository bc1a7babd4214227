"""Whatever a skill leaves in its folder, nothing outside is read or written,
and nothing holds the platform up."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catnap.errors import ResourceExhausted, Unavailable
from catnap.snapshots.beneath import FOLDER
from catnap.snapshots.capture import Capture, Index
from catnap.snapshots.manifest import File, Folder, Link, Manifest
from catnap.snapshots.packing import opened, sealed
from catnap.snapshots.restore import Restore
from catnap.workspaces import Bounds
from tests.workspaces.tree import tree

DEFAULT = Bounds()
LATER = 1 << 62
"""Nanoseconds: every signature is settled by then."""


class Kept:
    """Snapshots of a folder, held in memory."""

    def __init__(self, folder: Path, bounds: Bounds = DEFAULT) -> None:
        self.folder = folder
        self.bounds = bounds
        self.index = Index()
        self.objects: dict[str, bytes] = {}
        self.left_out: list[bytes] = []

    def take(self) -> Manifest:
        root = os.open(self.folder, FOLDER)
        try:
            capture = Capture(root, self.index, 1, LATER, self.bounds)
            self.objects |= {pack.name: pack.content for pack in capture.packs()}
        finally:
            os.close(root)
        self.index, self.left_out = capture.index, capture.left_out
        return self.index.manifest

    def restore(self, folder: Path) -> Path:
        folder.mkdir()
        put_back(self.index.manifest, folder, self.objects)
        return folder


def put_back(manifest: Manifest, folder: Path, objects: dict[str, bytes]) -> None:
    root = os.open(folder, FOLDER)
    try:
        restore = Restore(manifest, root)
        restore.begin()
        for number, pack in enumerate(manifest.packs):
            restore.fill(number, opened(pack.name, objects[pack.name], pack.size))
        restore.finish()
    finally:
        os.close(root)


def test_a_link_that_leads_out_stays_a_link(tmp_path: Path, folder: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    (folder / "dir").symlink_to(secret)
    (folder / "file").symlink_to(secret / "key")
    (folder / "loop").symlink_to("loop")
    (folder / "up").symlink_to("../" * 40 + "etc/passwd")
    kept = Kept(folder)
    manifest = kept.take()
    assert not manifest.files
    assert not kept.objects
    assert tree(kept.restore(tmp_path / "again")) == tree(folder)


def test_devices_pipes_and_sockets_are_left_out_and_wait_for_nobody(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(folder)  # a socket's path may have 107 bytes
        listening.bind("socket")
        (folder / "file").write_text("kept")
        kept = Kept(folder)
        kept.take()
    assert sorted(kept.left_out) == [b"pipe", b"socket"]
    assert set(tree(kept.restore(tmp_path / "again"))) == {b"file"}


def test_a_hard_link_comes_back_as_a_file_and_is_stored_once(folder: Path, tmp_path: Path) -> None:
    (folder / "one").write_bytes(os.urandom(2_000_000))
    (folder / "two").hardlink_to(folder / "one")
    kept = Kept(folder)
    kept.take()
    assert len(kept.objects) == 1
    again = kept.restore(tmp_path / "again")
    (again / "one").write_text("other")
    assert (again / "two").read_bytes() == (folder / "two").read_bytes()


def test_the_owners_rights_do_not_come_back(folder: Path, tmp_path: Path) -> None:
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o4711)
    (folder / "open").mkdir()
    (folder / "open").chmod(0o1777)
    kept = Kept(folder)
    kept.take()
    again = kept.restore(tmp_path / "again")
    assert (again / "run").stat().st_mode & 0o7777 == 0o711
    assert (again / "open").stat().st_mode & 0o7777 == 0o777


def test_holes_are_neither_read_nor_stored_nor_filled(folder: Path, tmp_path: Path) -> None:
    with (folder / "sparse").open("wb") as file:
        file.seek(1 << 40)
        file.write(b"end")
    kept = Kept(folder)
    manifest = kept.take()
    assert manifest.size == (1 << 40) + 3
    assert sum(map(len, kept.objects.values())) < 100_000
    again = kept.restore(tmp_path / "again") / "sparse"
    assert again.stat().st_size == (1 << 40) + 3
    assert again.stat().st_blocks < 20_000
    with again.open("rb") as file:
        file.seek(1 << 40)
        assert file.read() == b"end"


def test_a_tree_that_is_deeper_than_a_path_may_be_long(folder: Path, tmp_path: Path) -> None:
    here = os.open(folder, FOLDER)
    for _ in range(90):
        os.mkdir("d" * 200, dir_fd=here)
        inner = os.open("d" * 200, FOLDER, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    kept = Kept(folder)
    manifest = kept.take()
    [file] = manifest.files
    assert len(file.path) > 18_000
    kept.restore(tmp_path / "again")
    kept.folder = tmp_path / "again"
    assert kept.take().files == manifest.files


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        (Bounds(depth=3), "3 folders inside one another"),
        (Bounds(entries=9), "9 files, folders and links"),
        (Bounds(size=1000), "bytes"),
    ],
)
def test_what_is_too_much_is_refused_by_name(folder: Path, bounds: Bounds, said: str) -> None:
    (folder / "a" / "b" / "c" / "d").mkdir(parents=True)
    for number in range(10):
        (folder / f"{number}").write_bytes(os.urandom(1000))
    with pytest.raises(ResourceExhausted, match=said):
        Kept(folder, bounds).take()


def test_what_may_not_be_read_is_left_out(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (folder / "closed").write_text("closed")
    (folder / "closed").chmod(0)
    (folder / "shut").mkdir(mode=0)
    kept = Kept(folder)
    kept.take()
    assert sorted(kept.left_out) == [b"closed", b"shut"]


def test_a_file_that_never_rests_is_kept_as_it_was_read(folder: Path, tmp_path: Path) -> None:
    file = folder / "log"
    file.write_bytes(b"x" * 100_000)
    over = threading.Event()

    def write() -> None:
        with file.open("ab", buffering=0) as log:
            while not over.is_set() and log.tell() < 50_000_000:
                log.write(b"x" * 1000)

    kept = Kept(folder)
    writing = threading.Thread(target=write)
    writing.start()
    try:
        for _ in range(20):
            [found] = kept.take().files
            assert found.size >= 100_000
    finally:
        over.set()
        writing.join()
    kept.take()
    assert tree(kept.restore(tmp_path / "again")) == tree(folder)


def test_folders_that_turn_into_links_meanwhile_lead_nowhere(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "key").write_text("secret " * 50)
    real, link, name = folder / "real", folder / "link", folder / "name"
    real.mkdir()
    (real / "key").write_text("mine")
    link.symlink_to(outside)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            real.rename(name)
            name.rename(real)
            link.rename(name)
            name.rename(link)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for _ in range(300):
            kept = Kept(folder)
            kept.take()
            assert all(b"secret" not in opened(n, c, 1 << 20) for n, c in kept.objects.items())
    finally:
        over.set()
        swapping.join()


@pytest.mark.parametrize("path", [b"../out", b"a/../../out", b"/etc/out", b"a//b", b".", b""])
def test_a_snapshot_that_names_a_way_out_is_not_restored(folder: Path, path: bytes) -> None:
    with pytest.raises((ValueError, OSError)):
        put_back(Manifest((Folder(b"a", 0o700),), (), (File(path, 0o600, 0, 1),)), folder, {})
    assert not (folder.parent / "out").exists()


def test_a_snapshot_that_writes_through_its_own_link_is_not_restored(
    folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    links = (Link(b"a", os.fsencode(outside)),)
    with pytest.raises((NotADirectoryError, FileNotFoundError)):
        put_back(Manifest((), links, (File(b"a/out", 0o600, 0, 1),)), folder, {})
    assert not list(outside.iterdir())


def names() -> st.SearchStrategy[bytes]:
    odd = st.sampled_from([b"A", b"a", b"\xff\xfe", b"\n", b"'\"\\", b" ", b"...", b"-rf", b"%2F"])
    bad = (b"", b".", b"..")
    text = st.binary(min_size=1, max_size=20)
    any_ = text.map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"0"))
    return st.one_of(odd, any_).filter(lambda name: name not in bad)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(
        st.lists(names(), min_size=1, max_size=4).map(tuple),
        st.one_of(
            st.none(),
            st.tuples(st.integers(0, 0o777), st.binary(max_size=200)),
            st.binary(min_size=1, max_size=20).filter(lambda b: b"\0" not in b),
        ),
        max_size=12,
    ),
    st.data(),
)
def test_any_names_and_contents_come_back(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("names")
    kept = Kept(folder)
    for batch in (wanted, data.draw(st.just({(b"more",): (0o600, b"more")}))):
        make(folder, batch)
        kept.take()
        again = tmp_path_factory.mktemp("again") / "it"
        assert tree(kept.restore(again)) == tree(folder)


def make(folder: Path, wanted: dict) -> None:
    for parts, what in wanted.items():
        path = folder.joinpath(*map(os.fsdecode, parts))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if what is None:
                path.mkdir(parents=True, exist_ok=True)
            elif isinstance(what, bytes):
                path.symlink_to(os.fsdecode(what))
            else:
                mode, content = what
                with path.open("xb") as file:
                    file.write(content)
                path.chmod(mode | 0o400)
        except OSError:
            continue  # another one has the name


def test_a_small_object_is_not_opened_to_more_than_it_may_hold() -> None:
    bomb = sealed(bytes(1_000_000), 1)
    assert len(bomb.content) < 1_000
    with pytest.raises(Unavailable, match="more than"):
        opened(bomb.name, bomb.content, 999_999)
    assert len(opened(bomb.name, bomb.content, 1_000_000)) == 1_000_000
