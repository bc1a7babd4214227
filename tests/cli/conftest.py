from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.cli.app import run
from tests.client.gateway import TOKEN, Gateway, running


@dataclass
class Outcome:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)


Cli = Callable[..., Outcome]


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running() as found:
        yield found


@pytest.fixture
def alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """The command line in an empty folder, with no gateway and no settings."""
    for name in ("HOME", "HTTP", "GRPC", "TOKEN", "FUNCTIONS", "FILES", "ADMIN_KEY"):
        monkeypatch.delenv(f"CATNAP_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)

    def call(*argv: str) -> Outcome:
        status = run(argv)
        return Outcome(status, *capsys.readouterr())

    return call


@pytest.fixture
def cli(alone: Cli, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line beside a gateway."""
    monkeypatch.setenv("CATNAP_GRPC", gateway.address)
    monkeypatch.setenv("CATNAP_TOKEN", TOKEN)
    return alone
