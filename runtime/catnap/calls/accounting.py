"""Every request to a model is counted: against limits, as use, and for Prometheus."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

from catnap.access.limiter import Limiter
from catnap.access.model_usage import OK, Asked, ModelTallies, ModelUsed
from catnap.calls.model_metrics import ModelMetrics
from catnap.models.account import Finished

_TRIED, _ANSWERED = 16, 256
"""Versions of a model that are told apart, whatever came of the request, and of
those that answered: who asks may name any."""


class Accounting:
    """The Account of a gateway: what it is told is in memory when it returns."""

    def __init__(
        self,
        limits: Limiter,
        tallies: ModelTallies,
        metrics: ModelMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits
        self._tallies = tallies
        self._metrics = metrics
        self._clock = clock
        self._versions: defaultdict[str, set[str]] = defaultdict(set)

    def ended(self, request: Finished) -> None:
        """See Account."""
        who, model, outcome = request.who, request.model, request.outcome
        spent, waited = request.spent.believed(), request.waited
        now, cost = self._clock(), spent.cost(request.prices)
        tokens = spent.prompt_tokens + spent.completion_tokens
        if tokens or cost:
            self._limits.spend(who, now, tokens=tokens, cost=cost)
        version = self._known(model, request.version, outcome)
        used = ModelUsed(
            1,
            spent.prompt_tokens,
            spent.completion_tokens,
            spent.milliseconds,
            waited * 1000,
            spent.bytes_in,
            spent.bytes_out,
            cost,
        )
        self._tallies.add(Asked(who, model, version, outcome), used, now)
        self._metrics.ended(model, version, outcome, spent, cost, waited)

    def _known(self, model: str, version: str, outcome: str) -> str:
        """The version, or none where too many were named already."""
        known = self._versions[model]
        if not version or version in known:
            return version
        if len(known) >= (_ANSWERED if outcome == OK else _TRIED):
            return ""
        known.add(version)
        return version
