"""What requests to models came to, and how their servers stand, for Prometheus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from catnap.access.model_usage import OK
from catnap.calls.histogram import Histogram, together
from catnap.models.account import Spent
from catnap.models.registry import AnyServed
from catnap.models.snapshot import Ended

_REQUEST = ["model", "version"]
_SERVER = ["model", "version", "server"]


class _Ended:
    """Requests of one model and version that ended alike."""

    __slots__ = (
        *("bytes_in", "bytes_out", "completion_tokens", "cost", "prompt_tokens", "retries"),
        *("served", "waited"),
    )

    def __init__(self) -> None:
        self.waited = Histogram()
        self.served = Histogram()
        """Of those that a server was asked."""
        self.prompt_tokens = self.completion_tokens = 0
        self.bytes_in = self.bytes_out = self.retries = 0
        self.cost = 0.0


class ModelMetrics(Collector):
    """models: those there are now, whose servers are looked at when it is read."""

    def __init__(self, models: Iterable[AnyServed]) -> None:
        self._models = models
        self._ended: defaultdict[tuple[str, str, str], _Ended] = defaultdict(_Ended)

    def ended(
        self, model: str, version: str, outcome: str, spent: Spent, cost: float, waited: float
    ) -> None:
        """See Account. cost: of what was spent."""
        ended = self._ended[model, version, outcome]
        ended.waited.add(waited)
        if spent.tries:
            ended.served.add(spent.milliseconds / 1000)
            ended.retries += spent.tries - 1
        ended.prompt_tokens += spent.prompt_tokens
        ended.completion_tokens += spent.completion_tokens
        ended.bytes_in += spent.bytes_in
        ended.bytes_out += spent.bytes_out
        ended.cost += cost

    def of(self, served: AnyServed) -> Ended:
        """What requests to it, or to its canary, came to since the start."""
        canary = served.model.canary
        other = canary.version if canary else None
        alike = [
            (outcome, ended)
            for (name, version, outcome), ended in self._ended.items()
            if name == served.name and (version == other) == served.canary
        ]
        whole = together(ended.served for _, ended in alike)
        failed = sum(ended.waited.count for outcome, ended in alike if outcome != OK)
        requests = sum(ended.waited.count for _, ended in alike)
        return Ended(requests, failed, whole.quantile(0.5), whole.quantile(0.95))

    def collect(self) -> Iterable[Metric]:
        return chain(self._requests(), _servers(self._models))

    def _requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "catnap_model_requests",
            "Requests to models that ended, by error name or ok",
            labels=[*_REQUEST, "outcome"],
        )
        alike: defaultdict[tuple[str, str], list[_Ended]] = defaultdict(list)
        for (model, version, outcome), ended in sorted(self._ended.items()):
            requests.add_metric([model, version, outcome], ended.waited.count)
            alike[model, version].append(ended)
        yield requests
        waited = HistogramMetricFamily(
            "catnap_model_wait_seconds",
            "Time for which a request to a model was at no server",
            labels=_REQUEST,
        )
        served = HistogramMetricFamily(
            "catnap_model_server_seconds",
            "Time for which servers had a request, all tries together",
            labels=_REQUEST,
        )
        tokens = CounterMetricFamily(
            "catnap_model_tokens", "Tokens that models read and wrote", labels=[*_REQUEST, "kind"]
        )
        carried = CounterMetricFamily(
            "catnap_model_bytes",
            "Bytes of requests to models and of their answers",
            labels=[*_REQUEST, "direction"],
        )
        cost = CounterMetricFamily(
            "catnap_model_cost", "What models cost by the prices of models.toml", labels=_REQUEST
        )
        retries = CounterMetricFamily(
            "catnap_model_retries", "Requests that were sent to another server", labels=_REQUEST
        )
        for key, some in alike.items():
            whole = together(each.waited for each in some)
            waited.add_metric(key, whole.upto(), whole.seconds)
            whole = together(each.served for each in some)
            served.add_metric(key, whole.upto(), whole.seconds)
            tokens.add_metric([*key, "prompt"], sum(each.prompt_tokens for each in some))
            tokens.add_metric([*key, "completion"], sum(each.completion_tokens for each in some))
            carried.add_metric([*key, "in"], sum(each.bytes_in for each in some))
            carried.add_metric([*key, "out"], sum(each.bytes_out for each in some))
            cost.add_metric(key, sum(each.cost for each in some))
            retries.add_metric(key, sum(each.retries for each in some))
        yield from (waited, served, tokens, carried, cost, retries)


def _servers(models: Iterable[AnyServed]) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "catnap_model_waiting", "Requests that wait for a model's servers", labels=_REQUEST
    )
    inflight = GaugeMetricFamily(
        "catnap_model_inflight", "Requests that a server has now", labels=_SERVER
    )
    limit = GaugeMetricFamily(
        "catnap_model_limit", "Requests that a server may have at once, as learnt", labels=_SERVER
    )
    ejected = GaugeMetricFamily(
        "catnap_model_ejected", "Whether a server is left alone after errors", labels=_SERVER
    )
    ejections = CounterMetricFamily(
        "catnap_model_ejections", "Times that a server was left alone after errors", labels=_SERVER
    )
    for served in models:
        key = (served.name, served.version)
        waiting.add_metric(key, len(served.pool.queue))
        for server in served.pool.servers:
            where = (*key, server.name)
            inflight.add_metric(where, server.inflight)
            limit.add_metric(where, server.room)
            ejected.add_metric(where, server.health.ejected)
            ejections.add_metric(where, server.health.ejections)
    return iter((waiting, inflight, limit, ejected, ejections))
