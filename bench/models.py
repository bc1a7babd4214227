"""The inference gateway: what it costs beside a bare relay, and what batches bring.

A second transport for what is only passed on was measured and is no option. Envoy
alone takes 59 us of CPU for a request of 1 KiB where the bare relay takes 413, but
then nobody decides, queues and counts. pyvoy 1.3, where Python decides inside Envoy,
takes 302 us where the relay takes 381, and at 1 MiB a third more than it; beside
Envoy, by ext_proc, Python answers a stream for each request, which takes 280 us
without what Envoy takes. Neither wins twice.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from bench import models_embedding, models_relay
from bench.models_relay import Place
from bench.models_table import table
from bench.peers.tensors import MODEL
from bench.servers import LOAD_CORE
from catnap.models.rules import BUILT_IN
from catnap.models.serving import build
from tests.platform.running import Running

__all__ = ["main", "table"]


def main() -> dict[str, Any]:
    cores = os.sched_getaffinity(0)
    try:
        with (
            tempfile.TemporaryDirectory() as name,
            models_relay.upstream() as upstream,
            models_embedding.unbatched() as unbatched,
        ):
            platform = _platform(Path(name), upstream.address, unbatched.address)
            try:
                gateway = Place(platform.process.pid, platform.grpc, platform.key)
                texts = models_embedding.measure(gateway, unbatched)
                os.sched_setaffinity(0, {LOAD_CORE})
                return {"texts": texts, "relay": models_relay.measure(gateway, upstream.address)}
            finally:
                platform.stop()
    finally:
        os.sched_setaffinity(0, cores)


def _platform(folder: Path, upstream: str, unbatched: str) -> Running:
    """With two models besides its own, and no skills."""
    for name in ("home", "functions"):
        (folder / name).mkdir(mode=0o700)
    models = folder / "models.toml"
    models.write_text(_MODELS.format(upstream=upstream, unbatched=unbatched))
    build.ensure(folder / "home")  # not while it starts
    return Running(folder / "home", folder / "functions", CATNAP_MODELS=str(models))


_MODELS = f"""\
[{MODEL}]
servers = ["{{upstream}}"]

[{models_embedding.SINGLE}]
servers = ["{{unbatched}}"]
at_servers = "{BUILT_IN}"
abilities = ["embed", "infer"]
dimensions = 384
"""
