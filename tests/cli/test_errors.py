"""What every command does when it cannot do what it should."""

import subprocess
import sys
from pathlib import Path

import pytest

from catnap import errors
from catnap.cli import exits
from tests.cli.conftest import Cli
from tests.client.gateway import TOKEN, Gateway


def test_every_error_of_the_tree_has_a_status_that_the_help_explains() -> None:
    for kind in errors.ERRORS:
        assert exits.status(kind("why")) in exits.MEANINGS
        assert exits.status(kind("why")) != 0


def test_an_error_of_several_lines_is_told_in_one() -> None:
    assert exits.line(errors.NotFound("one\n  two")) == "one two"


def test_no_gateway_is_status_7_and_says_what_to_do(alone: Cli) -> None:
    done = alone("skills", "list", "--grpc", "127.0.0.1:9")
    assert done.status == 7
    assert done.err == (
        "catnap: cannot reach the gateway at 127.0.0.1:9: is `make run` running? "
        "--grpc or CATNAP_GRPC names another address\n"
    )


def test_an_unknown_credential_is_status_3(cli: Cli) -> None:
    assert cli("skills", "list", "--token", "wrong").status == 3


def test_on_loopback_the_key_of_the_state_folder_is_the_credential(
    alone: Cli, gateway: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "admin.key").write_text(f"{TOKEN}\n")
    there = ("--grpc", gateway.address, "--home", "state")
    assert alone("skills", "list", *there).status == 0
    assert alone("skills", "list", *there[:2]).status == 3


def test_the_key_of_the_state_folder_leaves_this_machine_for_nobody(tmp_path: Path) -> None:
    from catnap.cli.connection import token
    from catnap.cli.settings import Settings

    (tmp_path / "admin.key").write_text(TOKEN)
    settings = Settings(home=tmp_path)
    assert token(settings, "127.0.0.1:9000") == token(settings, "[::1]:9000") == TOKEN
    assert token(settings, "gateway.example:9000") == token(settings, "10.0.0.1:9000") == ""


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("cal", "echo"), "No such command 'cal': did you mean 'call'? See `catnap --help`"),
        (("files", "lsit"), "did you mean 'list'? See `catnap files --help`"),
        (("files", "put"), "Missing argument 'PATH...'. See `catnap files put --help`"),
        (("--colour",), "No such option '--colour'. See `catnap --help`"),
    ],
)
def test_a_wrong_command_says_what_was_meant(alone: Cli, argv: tuple[str, ...], said: str) -> None:
    done = alone(*argv)
    assert done.status == 2
    assert done.err.rstrip().endswith(said)


@pytest.mark.parametrize(
    "argv", [("traffic", "\udcff"), ("call", "\udcff"), ("status", "--token", "secret\udcff")]
)
def test_what_is_not_utf_8_is_said_and_a_credential_is_not(cli: Cli, argv: tuple[str, ...]) -> None:
    done = cli(*argv)
    assert done.status == 2
    assert "is not UTF-8: b'\\xff'" in done.err
    assert "secret" not in done.err


def test_a_bad_settings_file_is_status_2(alone: Cli, tmp_path: Path) -> None:
    (tmp_path / "catnap.toml").write_text("grcp = ''")
    done = alone("skills", "list")
    assert done.status == 2
    assert "did you mean 'grpc'?" in done.err


def test_a_reader_that_leaves_early_is_no_traceback(gateway: Gateway) -> None:
    command = [sys.executable, "-m", "catnap.cli", "logs", "echo", "-f", "-n", "10000"]
    with subprocess.Popen(
        [*command, "--grpc", gateway.address, "--token", TOKEN],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().endswith(b"line 0\n")
        process.stdout.close()
        assert process.stderr.read() == b""


def test_ctrl_c_is_status_130_and_no_traceback(gateway: Gateway) -> None:
    import signal

    command = [sys.executable, "-m", "catnap.cli", "logs", "echo", "-f", "-n", "1"]
    with subprocess.Popen(
        [*command, "--grpc", gateway.address, "--token", TOKEN],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Whoever runs the tests may ignore it, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().endswith(b"line 0\n")
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().strip() == b""
        assert process.wait() == 130
