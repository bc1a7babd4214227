"""What one query may take, from the skill's environment."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """`memory`, and `disk` for what spills out of it, as DuckDB writes sizes;
    `input` is the bytes that the files of a query may have together."""

    memory: str = "512MB"
    disk: str = "2GB"
    threads: int = 2
    input: int = 2_000_000_000


@functools.cache
def settings() -> Settings:
    return Settings(
        memory=os.environ.get("QUERY_MEMORY", Settings.memory),
        disk=os.environ.get("QUERY_DISK", Settings.disk),
        threads=int(os.environ.get("QUERY_THREADS", Settings.threads)),
        input=int(os.environ.get("QUERY_INPUT", Settings.input)),
    )
