"""A request to a model counts once everywhere that it should."""

from __future__ import annotations

import pytest

from catnap.access.limiter import Limiter
from catnap.access.limits import Limit, Who
from catnap.access.model_usage import ModelTallies
from catnap.calls.accounting import Accounting
from catnap.calls.model_metrics import ModelMetrics
from catnap.models.account import Finished, Spent
from catnap.models.settings import Prices

NOON = 1_763_726_400.0
ANN: Who = ("acme", "ann", "search")
PRICES = Prices(prompt_tokens=1e5, completion_tokens=2e5)
SPENT = Spent(2, 1, 250.0, 30, 4, tries=2)


class Counted:
    def __init__(self, *limits: Limit) -> None:
        self.limits = Limiter(limits)
        self.tallies = ModelTallies()
        self.metrics = ModelMetrics(())
        self.account = Accounting(self.limits, self.tallies, self.metrics, lambda: NOON)

    def ended(self, version: str = "", outcome: str = "ok", spent: Spent = SPENT) -> None:
        self.account.ended(Finished(ANN, "writer", version, PRICES, spent, outcome, 0.5))

    def versions(self) -> set[str]:
        return {tally.asked.version for tally in self.tallies.noted()}

    def samples(self) -> dict[tuple[str, ...], float]:
        return {
            (sample.name, *(value for key, value in sample.labels.items() if key != "model")): (
                sample.value
            )
            for family in self.metrics.collect()
            for sample in family.samples
        }


def test_it_is_spent_of_the_days_tokens_and_of_its_budget() -> None:
    counted = Counted(Limit(tenant="acme", daily_tokens=5), Limit(user="ann", daily_cost=0.9))
    counted.ended()
    assert counted.limits.within(ANN, NOON, "daily_tokens", "daily_cost") is None
    counted.ended(outcome="Cancelled", spent=Spent(prompt_tokens=2))
    assert counted.limits.within(ANN, NOON, "daily_tokens") is not None
    assert counted.limits.within(ANN, NOON, "daily_cost") is None
    counted.ended(outcome="Cancelled", spent=Spent(completion_tokens=2))
    assert counted.limits.within(ANN, NOON, "daily_cost") is not None


def test_it_is_in_the_use_of_models_with_what_it_took() -> None:
    counted = Counted()
    counted.ended()
    counted.ended(outcome="Unavailable", spent=Spent(bytes_in=30))
    found = {tally.asked.outcome: tally.used for tally in counted.tallies.noted()}
    assert (found["ok"].requests, found["ok"].prompt_tokens, found["ok"].completion_tokens) == (
        *(1, 2),
        1,
    )
    assert (found["ok"].milliseconds, found["ok"].waited) == (250.0, 500.0)
    assert (found["ok"].bytes_in, found["ok"].bytes_out) == (30, 4)
    assert found["ok"].cost == pytest.approx(0.4)
    assert (found["Unavailable"].requests, found["Unavailable"].cost) == (1, 0.0)


def test_it_is_in_the_metrics_of_its_model_by_how_it_ended() -> None:
    counted = Counted()
    counted.ended("2")
    counted.ended("2")
    counted.ended("2", "ResourceExhausted", Spent(bytes_in=30))
    found = counted.samples()
    assert found["catnap_model_requests_total", "2", "ok"] == 2
    assert found["catnap_model_requests_total", "2", "ResourceExhausted"] == 1
    assert found["catnap_model_tokens_total", "2", "prompt"] == 4
    assert found["catnap_model_tokens_total", "2", "completion"] == 2
    assert found["catnap_model_bytes_total", "2", "in"] == 90
    assert found["catnap_model_bytes_total", "2", "out"] == 8
    assert found["catnap_model_retries_total", "2"] == 2
    assert found["catnap_model_cost_total", "2"] == pytest.approx(0.8)
    assert found["catnap_model_wait_seconds_count", "2"] == 3
    assert found["catnap_model_wait_seconds_sum", "2"] == pytest.approx(1.5)
    assert found["catnap_model_wait_seconds_bucket", "2", "0.25"] == 0
    assert found["catnap_model_wait_seconds_bucket", "2", "0.5"] == 3
    assert found["catnap_model_server_seconds_count", "2"] == 2
    assert found["catnap_model_server_seconds_sum", "2"] == pytest.approx(0.5)


def test_who_invents_versions_makes_no_row_of_each() -> None:
    counted = Counted()
    for number in range(1000):
        counted.ended(f"invented-{number}", "NotFound", Spent())
    counted.ended("2")
    counted.ended("2", "Unavailable", Spent())
    versions = counted.versions()
    assert "2" in versions
    assert len(versions) < 20
    assert len({key for key in counted.samples() if key[0].endswith("requests_total")}) < 20


def test_numbers_that_cannot_be_neither_fill_a_budget_again_nor_burst_the_books() -> None:
    counted = Counted(Limit(tenant="acme", daily_tokens=5))
    counted.ended(spent=Spent(prompt_tokens=5))
    counted.ended(spent=Spent(prompt_tokens=-1000, completion_tokens=-1000))
    assert counted.limits.within(ANN, NOON, "daily_tokens") is not None
    for _ in range(1000):
        counted.ended(spent=Spent(prompt_tokens=10**400, completion_tokens=1 << 62))
    [tally] = counted.tallies.noted()
    assert 5 < tally.used.prompt_tokens + tally.used.completion_tokens < 1 << 53
