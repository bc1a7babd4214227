"""What a request costs."""

from __future__ import annotations

import pytest

from catnap.models.account import Spent
from catnap.models.settings import Prices


def test_a_request_costs_what_a_million_of_each_does_by_how_much_it_took() -> None:
    prices = Prices(prompt_tokens=2.0, completion_tokens=10.0, milliseconds=0.5)
    spent = Spent(prompt_tokens=500_000, completion_tokens=100_000, milliseconds=4e6, bytes_in=9)
    assert spent.cost(prices) == pytest.approx(1.0 + 1.0 + 2.0)
    assert spent.cost(Prices()) == 0.0
