"""What went out, of whom and where to: for the log and for Prometheus."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from catnap.access import Grant
from catnap.access.audit_record import Entry, moment, shortened
from catnap.errors import CatnapError, PermissionDenied
from catnap.gateway.egress.tunnel import Tunnel
from catnap.http.errors import ProxyAuthenticationRequired
from catnap.skills.hosts import Place

_log = logging.getLogger(__name__)


class Records:
    """Counts by skill; the log has tenant, task and host too. audit: takes
    who was not let out."""

    def __init__(self, audit: Callable[[Entry], None] | None = None) -> None:
        self._audit = audit
        self.registry = CollectorRegistry()
        self._tunnels = Counter(
            "catnap_egress_tunnels", "Tunnels that have ended", ["skill"], registry=self.registry
        )
        self._bytes = Counter(
            "catnap_egress_bytes", "Bytes through tunnels, sent or received by the skill",
            ["skill", "direction"], registry=self.registry,
        )  # fmt: skip
        self._refusals = Counter(
            "catnap_egress_refusals", "Requests for a tunnel that were refused, by error name",
            ["skill", "reason"], registry=self.registry,
        )  # fmt: skip
        self._open = Gauge(
            "catnap_egress_open", "Tunnels that are open", ["skill"], registry=self.registry
        )

    def opened(self, tunnel: Tunnel) -> None:
        self._open.labels(tunnel.grant.skill).inc()

    def ended(self, tunnel: Tunnel) -> None:
        grant, sent, received = tunnel.grant, tunnel.near.received, tunnel.far.received
        self._open.labels(grant.skill).dec()
        self._tunnels.labels(grant.skill).inc()
        self._bytes.labels(grant.skill, "sent").inc(sent)
        self._bytes.labels(grant.skill, "received").inc(received)
        why = f"; cut: {tunnel.why}" if tunnel.why else ""
        _log.info(
            "%s to %s: %d bytes sent, %d received in %.1f s%s",
            _of(grant), tunnel.place, sent, received, tunnel.loop.time() - tunnel.began, why,
        )  # fmt: skip

    def refused(self, error: CatnapError, grant: Grant | None, place: Place | None) -> None:
        """grant, place: as far as the request came. Without a Grant it is only
        counted: who can fill a log can hide in it."""
        self._refusals.labels(grant.skill if grant else "", type(error).__name__).inc()
        if grant:
            _log.info("%s to %s: refused: %s", _of(grant), place, error.message)
        if self._audit and isinstance(error, (PermissionDenied, ProxyAuthenticationRequired)):
            self._audit(_denied(grant, error))

    def text(self) -> bytes:
        return generate_latest(self.registry)


def _denied(grant: Grant | None, error: CatnapError) -> Entry:
    return Entry(
        tenant=grant.tenant if grant else "",
        time=moment(time.time()),
        kind="denial",
        outcome=type(error).__name__,
        action="egress",
        principal=grant.principal().name if grant else "",
        user=grant.user if grant else "",
        skill=grant.skill if grant else "",
        task=grant.task if grant else "",
        detail=shortened(error.message),
    )


def _of(grant: Grant) -> str:
    return f"tenant {grant.tenant!r}, skill {grant.skill}, task {grant.task}"
