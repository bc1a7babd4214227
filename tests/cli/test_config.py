"""catnap config check: all that is wrong, at once, and nothing started."""

from pathlib import Path

import pytest

from tests.cli.conftest import Cli

MANIFEST = 'name = "{name}"\ndescription = "Says it again."\n'
HASH = "sha256:" + "0a" * 32


def skill(folder: Path, name: str, more: str = "", called: str = "") -> None:
    place = folder / "functions" / name
    place.mkdir(parents=True)
    (place / "main.py").write_text("raise SystemExit('nothing may be imported')\n")
    (place / "skill.toml").write_text(MANIFEST.format(name=called or name) + more)


def found(alone: Cli, *argv: str) -> list[tuple[str, str]]:
    done = alone("config", "check", "--json", *argv)
    assert done.status == (2 if done.json["problems"] else 0)
    return [(each["where"], each["problem"]) for each in done.json["problems"]]


def test_without_problems_it_says_what_was_looked_at(alone: Cli, tmp_path: Path) -> None:
    skill(tmp_path, "echo")
    (tmp_path / "catnap.toml").write_text('http = "127.0.0.1:8081"\n')
    done = alone("config", "check")
    assert (done.status, done.out) == (0, "")
    assert "catnap.toml, 1 skills" in done.err
    assert alone("config", "check", "--json").json["skills"] == ["echo"]


def test_all_problems_of_all_places_are_said_at_once(
    alone: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skill(tmp_path, "echo", "[scale]\nmix = 3\nmax = 'many'\n")
    skill(tmp_path, "other", called="another")
    file = tmp_path / "catnap.toml"
    file.write_text(
        "grcp = ''\nretry = 'soon'\nhttp = 'localhost'\negress_networks = '10.0.0.0/99'\n"
        f"[[keys]]\nname = 'a'\nhash = '{HASH}'\nroles = []\nrole = 'viewer'\n"
    )
    monkeypatch.setenv("CATNAP_HOMR", "/tmp/x")
    monkeypatch.setenv("CATNAP_GRPC", "nowhere")
    monkeypatch.setenv("CATNAP_FILES", "s4://bucket")
    monkeypatch.setenv("CATNAP_BUILDER", "dokcer")
    said = found(alone)
    functions = tmp_path / "functions"
    assert [where for where, _ in said] == [
        *(str(file), str(file), "CATNAP_GRPC", str(file), str(file)),
        *("CATNAP_HOMR", "environment", "CATNAP_EGRESS_NETWORKS", "CATNAP_FILES"),
        *[str(functions / "echo" / "skill.toml")] * 2,
        str(functions / "other" / "skill.toml"),
    ]
    problems = "\n".join(problem for _, problem in said)
    for expected in ("'grcp': did you mean 'grpc'?", "did you mean 'CATNAP_HOME'?", "'scale.mix'"):
        assert expected in problems


def test_what_only_the_platform_can_know_is_checked_too(alone: Cli, tmp_path: Path) -> None:
    skill(tmp_path, "echo", "entry = 'handler:run'\n[models]\nallow = ['minilm-l6-v3']\n")
    (tmp_path / "functions" / "echo" / "requirements.in").write_text("httpx\n")
    (tmp_path / "catnap.toml").write_text(
        "http = '0.0.0.0:9000'\ngrpc = '0.0.0.0:9000'\n"
        + "".join(f"[[keys]]\nname = '{name}'\nhash = '{HASH}'\nroles = []\n" for name in "ab")
    )
    problems = "\n".join(problem for _, problem in found(alone))
    for expected in (
        "is another server's address",
        "can be reached from other machines",
        "have one hash",
        "entry: there is no handler.py",
        "did you mean 'minilm-l6-v2'?",
        "`catnap lock echo` makes one",
    ):
        assert expected in problems


def test_what_is_wrong_with_the_models_is_a_problem_with_its_line(
    alone: Cli, tmp_path: Path
) -> None:
    skill(tmp_path, "echo", "[models]\nallow = ['writer', 'minilm-l6-v2']\n")
    file = tmp_path / "models.toml"
    file.write_text("[writer]\nservers = []\n\n[other]\nserver = 'o:1'\n")
    problems = found(alone)
    assert [where.removeprefix(f"{tmp_path}/") for where, _ in problems] == [
        *("models.toml:2", "models.toml:5"),
    ]
    assert "servers: name one at least" in problems[0][1]
    assert "did you mean 'servers'?" in problems[1][1]
    file.write_text("[writer]\nservers = ['o:1']\n")
    assert found(alone) == []


def test_a_folder_of_skills_that_is_not_there_is_a_problem(alone: Cli) -> None:
    [(where, problem)] = found(alone, "--functions", "nowhere")
    assert where == "CATNAP_FUNCTIONS"
    assert "is no folder" in problem


def test_a_store_that_could_not_be_opened_is_a_problem(
    alone: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    skill(tmp_path, "echo")
    monkeypatch.setenv("CATNAP_STORE", "postgresql://ann:hush@[::1/catnap")
    [(where, problem)] = found(alone)
    assert (where, "no URI of a Postgres" in problem) == ("CATNAP_STORE", True)
    assert "hush" not in problem


def test_a_secret_of_the_wrong_type_is_not_shown(alone: Cli, tmp_path: Path) -> None:
    skill(tmp_path, "echo")
    (tmp_path / "catnap.toml").write_text("admin_key = 31415926535\ntoken = 27182818284\n")
    said = str(found(alone))
    assert "must be text" in said
    assert "31415926535" not in said
    assert "27182818284" not in said
