"""What an instance is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from catnap.errors import InvalidRequest
from catnap.http import Target


class Settings(msgspec.Struct, frozen=True):
    """Read once, when the process starts."""

    callback: Target | None = None
    """CATNAP_CALLBACK: where the gateway takes the calls of a Context."""
    egress: Target | None = None
    """CATNAP_EGRESS: the proxy that leads out, for `ctx.proxy`."""
    concurrency: int | None = None
    """CATNAP_CONCURRENCY: calls at once, 0 for no bound; by default what
    skill.toml says."""
    workspaces: str = ""
    """CATNAP_WORKSPACES: the folder that holds those of sessions, and that it
    may write to; none by default."""
    keeps: str = ""
    """CATNAP_KEEPS: the folder for those that it keeps itself, over
    CATNAP_CALLBACK; none by default."""
    secrets: str = ""
    """CATNAP_SECRETS: where its secrets are; see catnap.skills.secrets."""
    uv: str = ""
    """CATNAP_UV: the program that `ctx.install` runs; by default the one beside
    its Python, or on the PATH."""
    instance: str = ""
    """CATNAP_INSTANCE: its name; by default that of the pod, which is HOSTNAME."""
    json_log: bool = False
    """CATNAP_LOG=json: one JSON record for each line of output."""
    grace: float = 30.0
    """CATNAP_GRACE: seconds that calls at work may still take after SIGTERM."""


def read_settings(env: Mapping[str, str]) -> Settings:
    """Raises InvalidRequest, naming the variable."""
    callback = env.get("CATNAP_CALLBACK")
    egress = env.get("CATNAP_EGRESS")
    concurrency = env.get("CATNAP_CONCURRENCY")
    return Settings(
        callback=Target.parse(callback) if callback else None,
        egress=Target.parse(egress) if egress else None,
        concurrency=int(_number(env, "CATNAP_CONCURRENCY", "0")) if concurrency else None,
        workspaces=env.get("CATNAP_WORKSPACES", ""),
        keeps=env.get("CATNAP_KEEPS", "") if callback else "",
        secrets=env.get("CATNAP_SECRETS", ""),
        uv=env.get("CATNAP_UV", ""),
        instance=env.get("CATNAP_INSTANCE") or env.get("HOSTNAME", ""),
        json_log=env.get("CATNAP_LOG") == "json",
        grace=_number(env, "CATNAP_GRACE", "30"),
    )


def _number(env: Mapping[str, str], name: str, default: str) -> float:
    text = env.get(name, default)
    if not text.replace(".", "", 1).isdecimal():
        raise InvalidRequest(f"{name}={text}: must be a number, 0 or more")
    return float(text)
