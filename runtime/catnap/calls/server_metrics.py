"""What models' own servers have counted, for Prometheus: how large batches are,
and how long requests wait for one. They are asked when somebody reads it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from google.protobuf.message import DecodeError
from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from catnap.inference import grpc_service_pb2 as oip
from catnap.models.oip_server import OipServer
from catnap.models.registry import AnyServed, Served, speaks_oip
from catnap.models.verdict import UpstreamError

EVERY = 5.0
"""Seconds for which is believed what servers said, however often it is read."""
_ASK = 1.0
"""Seconds that they may take to say it."""
_NS = 1e9
_LABELS = ["model", "version", "server"]

_Counted = dict[tuple[str, str, str], oip.ModelStatistics]
"""By model, version and address."""


class ServerMetrics(Collector):
    """models: those there are now. Servers of OpenAI's HTTP count nothing that
    all of them would tell alike."""

    def __init__(
        self, models: Iterable[AnyServed], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._models = models
        self._clock = clock
        self._looked = -EVERY
        self._found: _Counted = {}

    async def look(self) -> None:
        """Asks them, unless it was done just now. Of who does not answer there is
        nothing until he does."""
        now = self._clock()
        if now - self._looked < EVERY:
            return
        self._looked = now
        asked = [
            _ask(served, server.upstream)
            for served in self._models
            if speaks_oip(served)
            for server in served.pool.servers
        ]
        found: _Counted = {}
        for each in await asyncio.gather(*asked):
            found |= each
        self._found = found

    def collect(self) -> Iterable[Metric]:
        batches = CounterMetricFamily(
            "catnap_model_server_batches",
            "Runs of a model at its server, by how many rows ran together",
            labels=[*_LABELS, "rows"],
        )
        queue = SummaryMetricFamily(
            "catnap_model_server_queue_seconds",
            "Time for which requests waited at their server for a run",
            labels=_LABELS,
        )
        compute = SummaryMetricFamily(
            "catnap_model_server_compute_seconds",
            "Time for which requests were in a run at their server",
            labels=_LABELS,
        )
        for key, said in sorted(self._found.items()):
            for batch in said.batch_stats:
                batches.add_metric([*key, str(batch.batch_size)], batch.compute_infer.count)
            for family, took in (
                (queue, said.inference_stats.queue),
                (compute, said.inference_stats.compute_infer),
            ):
                family.add_metric(key, took.count, took.ns / _NS)
        return batches, queue, compute


async def _ask(served: Served[OipServer], server: OipServer) -> _Counted:
    asked = oip.ModelStatisticsRequest(name=served.at_servers)
    try:
        answer = await server.ask("ModelStatistics", asked.SerializeToString(), _ASK)
        said = oip.ModelStatisticsResponse.FromString(answer).model_stats
    except (UpstreamError, DecodeError):
        return {}
    return {(served.name, each.version, server.address): each for each in said}
