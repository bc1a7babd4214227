"""catnap files."""

from pathlib import Path

import pytest

from catnap.client import connect
from tests.cli.conftest import Cli
from tests.client.gateway import TOKEN, Gateway


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """notes/monday.txt and notes/old/sunday.txt"""
    (tmp_path / "notes" / "old").mkdir(parents=True)
    (tmp_path / "notes" / "monday.txt").write_text("moon")
    (tmp_path / "notes" / "old" / "sunday.txt").write_text("sun")
    return tmp_path / "notes"


def keys(gateway: Gateway) -> list[str]:
    return sorted(place[3] for place in gateway.files.files)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("notes/monday.txt",), ["monday.txt"]),
        (("notes",), ["notes/monday.txt", "notes/old/sunday.txt"]),
        (("notes/",), ["monday.txt", "old/sunday.txt"]),
        (("notes/.",), ["monday.txt", "old/sunday.txt"]),
        (("notes/old", "--to", "2026/"), ["2026/old/sunday.txt"]),
        (("notes/old/", "notes/monday.txt", "--to", "a/b"), ["a/b/monday.txt", "a/b/sunday.txt"]),
    ],
)
def test_put_names_files_by_their_folder(
    cli: Cli, gateway: Gateway, notes: Path, argv: tuple[str, ...], expected: list[str]
) -> None:
    assert cli("files", "put", *argv).status == 0
    assert keys(gateway) == expected


def test_put_from_inside_the_folder_sends_what_is_in_it(
    cli: Cli, gateway: Gateway, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(notes)
    assert cli("files", "put", ".").status == 0
    assert keys(gateway) == ["monday.txt", "old/sunday.txt"]


def test_put_tells_how_much_it_was_and_json_tells_each(cli: Cli, notes: Path) -> None:
    assert cli("files", "put", "notes").out == "put 2 files, 7 B\n"
    listed = cli("files", "put", "notes", "--json").json
    assert [(file["key"], file["size"]) for file in listed] == [
        ("notes/monday.txt", 4),
        ("notes/old/sunday.txt", 3),
    ]


def test_two_files_of_one_key_are_refused_before_any_is_sent(
    cli: Cli, gateway: Gateway, notes: Path
) -> None:
    (notes / "sunday.txt").write_text("")
    done = cli("files", "put", "notes/sunday.txt", "notes/old/sunday.txt")
    assert done.status == 2
    assert "would both be 'sunday.txt'" in done.err
    assert not gateway.files.files


def test_a_path_that_leads_nowhere_is_named(cli: Cli) -> None:
    done = cli("files", "put", "gone")
    assert (done.status, done.err) == (1, "catnap: gone: no such file or folder\n")


def test_a_refused_file_is_named_with_its_path(cli: Cli, notes: Path) -> None:
    (notes / "a..b").write_text("")
    done = cli("files", "put", "notes")
    assert done.status == 2
    assert done.err.startswith("catnap: notes/a..b: key 'notes/a..b'")


def test_files_belong_to_a_user_and_a_session(cli: Cli, gateway: Gateway, notes: Path) -> None:
    cli("files", "put", "notes/monday.txt", "--user", "ada", "--session", "s")
    assert list(gateway.files.files) == [("ada", "s", "", "monday.txt")]
    assert cli("files", "list", "--user", "ada", "--session", "s", "--json").json
    assert cli("files", "list", "--user", "bob", "--json").json == []


def test_what_a_task_left_is_listed_fetched_and_removed(cli: Cli, gateway: Gateway) -> None:
    with connect(gateway.address, TOKEN) as client:
        client.files.put("result.json", b"[]", user="ada", task="task-1")
    there = ("--user", "ada", "--task", "task-1")
    assert [file["key"] for file in cli("files", "list", *there, "--json").json] == ["result.json"]
    assert cli("files", "get", "result.json", "-", *there).out == "[]"
    assert cli("files", "rm", "result.json", *there).status == 0
    assert not gateway.files.files


@pytest.mark.parametrize("argv", [("get", "a"), ("list",), ("rm", "a")])
def test_files_are_a_session_s_or_a_task_s_not_both(cli: Cli, argv: tuple[str, ...]) -> None:
    done = cli("files", *argv, "--session", "s", "--task", "t")
    assert done.status == 2
    assert "Give --session or --task" in done.err


def test_list_is_a_table_for_people(cli: Cli, notes: Path) -> None:
    cli("files", "put", "notes")
    heading, first, second = cli("files", "list", "notes/").out.splitlines()
    assert heading.split() == ["key", "size", "modified", "type"]
    assert first.split()[:3] == ["notes/monday.txt", "4", "B"]
    assert second.split()[0] == "notes/old/sunday.txt"
    assert cli("files", "list", "other").err == "no files\n"


def test_get_writes_the_file_and_overwrites_only_by_force(
    cli: Cli, notes: Path, tmp_path: Path
) -> None:
    cli("files", "put", "notes")
    assert cli("files", "get", "notes/monday.txt").out == "got monday.txt, 4 B\n"
    assert (tmp_path / "monday.txt").read_text() == "moon"
    done = cli("files", "get", "notes/monday.txt")
    assert done.status == 5
    assert "--force" in done.err
    assert cli("files", "get", "notes/monday.txt", "--force").status == 0
    assert cli("files", "get", "notes/monday.txt", "-").out == "moon"
    assert cli("files", "get", "notes/monday.txt", "notes/old").status == 0
    assert (notes / "old" / "monday.txt").read_text() == "moon"


def test_get_of_a_prefix_writes_everything_below_it(cli: Cli, notes: Path, tmp_path: Path) -> None:
    cli("files", "put", "notes")
    assert cli("files", "get", "notes/", "back").out == "got 2 files below back, 7 B\n"
    assert (tmp_path / "back" / "old" / "sunday.txt").read_text() == "sun"
    assert cli("files", "get", "nothing/").status == 4


def test_get_leaves_nothing_behind_where_there_is_no_file(cli: Cli, tmp_path: Path) -> None:
    assert cli("files", "get", "gone.txt").status == 4
    assert list(tmp_path.iterdir()) == []


def test_a_key_cannot_lead_out_of_the_folder(cli: Cli, gateway: Gateway, tmp_path: Path) -> None:
    cli("files", "put", __file__, "--to", "x")
    (place, content) = gateway.files.files.popitem()
    content[0].key = "x/../../escaped"
    gateway.files.files[(*place[:3], content[0].key)] = content
    done = cli("files", "get", "x/", "back")
    assert done.status == 2
    assert "has no place inside back" in done.err


def test_rm_removes_files_and_with_r_everything_below(
    cli: Cli, gateway: Gateway, notes: Path
) -> None:
    cli("files", "put", "notes", "notes/monday.txt")
    assert cli("files", "rm", "monday.txt").out == "removed 1 file\n"
    assert cli("files", "rm", "notes").status == 4
    assert cli("files", "rm", "-r", "notes").out == "removed 2 files\n"
    assert not gateway.files.files
