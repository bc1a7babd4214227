import os
from pathlib import Path

import pytest

from catnap.models.serving import build

# Before numpy is imported: its threads wait in circles, and take four times the
# processor where another process is at work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the real model built in it."""
    home = tmp_path_factory.mktemp("home")
    build.ensure(home)
    return home


@pytest.fixture(scope="session")
def model(home: Path) -> build.Model:
    return build.location(home)
