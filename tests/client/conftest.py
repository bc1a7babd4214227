from collections.abc import Iterator

import pytest

from catnap.client import Client, connect
from tests.client.gateway import TOKEN, Gateway, running


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running() as found:
        yield found


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    with connect(gateway.address, TOKEN) as found:
        yield found
