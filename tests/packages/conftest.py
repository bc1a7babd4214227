from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.packages.simple import SimpleIndex


@pytest.fixture(params=["html", "json", "json with metadata"])
def index(request: pytest.FixtureRequest) -> Iterator[SimpleIndex]:
    """A real index, in each form that there is."""
    index = SimpleIndex(request.param)
    yield index
    index.close()
