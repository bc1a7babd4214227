"""The help teaches, and what every command promises holds for every command."""

import subprocess
import sys

import click
import pytest

from catnap.cli import exits
from catnap.cli.app import catnap
from tests.cli.conftest import Cli


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        return [path]
    found = []
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        found += leaves(inner, (*path, name))
    return found


PROCESSES = [("host",), ("models", "serve")]
COMMANDS = [path for path in leaves(catnap) if path not in PROCESSES]
JSON_ONLY = [("scale", "decide"), ("audit", "export")]


def test_the_help_lists_every_command_setting_and_exit_status(alone: Cli) -> None:
    shown = alone("--help").out
    for command in ("serve", "host", "models", "call", "files", "events", "tasks", "dead", "logs"):
        assert f"  {command} " in shown
    for name in ("HOME", "HTTP", "GRPC", "TOKEN", "FUNCTIONS", "FILES", "ADMIN_KEY"):
        assert f"CATNAP_{name}" in shown
    for code, meaning in exits.MEANINGS.items():
        assert f"  {code:<4} {meaning}" in shown


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(alone: Cli, path: tuple[str, ...]) -> None:
    done = alone(*path, "--help")
    assert done.status == 0
    assert done.out.startswith(f"Usage: catnap {' '.join(path)}")
    assert len(done.out.splitlines()) > 4


@pytest.mark.parametrize("path", [path for path in COMMANDS if path not in JSON_ONLY], ids=" ".join)
def test_every_command_speaks_json(alone: Cli, path: tuple[str, ...]) -> None:
    assert "--json " in alone(*path, "--help").out


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("process", PROCESSES, ids=" ".join)
def test_a_process_explains_itself_with_an_example(process: tuple[str, ...], flag: str) -> None:
    done = started(*process, flag)
    assert (done.returncode, done.stderr) == (0, "")
    called = f"catnap {' '.join(process)} "
    assert done.stdout.lower().startswith(f"usage: {called}")
    assert f"\n  {called}" in done.stdout


def test_the_model_server_is_started_without_its_name_too() -> None:
    assert started("models", "--threads", "none").stderr.startswith("usage: catnap models serve")


def test_a_function_host_starts_without_click() -> None:
    done = started("host")
    assert done.returncode == 2
    assert done.stderr.startswith("catnap host: usage:")


def started(*argv: str) -> subprocess.CompletedProcess[str]:
    """A command in a process that must do without click, gRPC and rich if it
    is an instance's."""
    script = (
        "import sys\n"
        "from catnap.cli import main\n"
        "try:\n"
        "    status = main()\n"
        "finally:\n"
        "    assert sys.argv[1] != 'host' or not {'click', 'grpc', 'rich'} & set(sys.modules)\n"
        "sys.exit(status)\n"
    )
    command = [sys.executable, "-c", script, *argv]
    return subprocess.run(command, capture_output=True, text=True)
