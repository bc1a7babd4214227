"""catnap skills and catnap logs."""

import msgspec

from tests.cli.conftest import Cli


def test_skills_are_listed_with_what_they_do(cli: Cli) -> None:
    heading, row = cli("skills", "list").out.splitlines()
    assert heading.split() == ["skill", "revision", "instances", "description"]
    assert row.endswith("Answers with the JSON that it was given.")
    [skill] = cli("skills", "list", "--json").json
    assert skill["input_schema"] == {"type": "object"}


def test_one_skill_is_shown_with_its_schemas(cli: Cli) -> None:
    shown = cli("skills", "show", "echo").out
    assert "triggers   com.example.ping\n" in shown
    assert '  "type": "object"' in shown
    assert cli("skills", "show", "nope").status == 4


def test_logs_are_lines_with_time_and_instance(cli: Cli) -> None:
    lines = cli("logs", "echo", "-n", "2").out.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["line 0", "warning: line 1"]
    assert lines[0].split("  ")[0].endswith("echo-00001-a")
    records = cli("logs", "echo", "-n", "2", "--json").out.splitlines()
    assert [msgspec.json.decode(line)["text"] for line in records] == ["line 0", "line 1"]
