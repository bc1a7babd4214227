"""How much memory the platform's processes really take."""

from __future__ import annotations

from pathlib import Path

from tests.platform.running import Running


def by_role(platform: Running) -> dict[str, float]:
    """MiB by role. PSS: a page that n processes share counts 1/n for each, so
    the sum is what would be free again."""
    found: dict[str, float] = {}
    for pid in platform.pids():
        process = Path("/proc") / str(pid)
        command = (process / "cmdline").read_text()
        role = next((name for part, name in _ROLES.items() if part in command), "other")
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                found[role] = round(found.get(role, 0.0) + int(line.split()[1]) / 1024, 1)
    return found


_ROLES = {"catnap.models": "models", "catnap.host.zygote": "zygote", "catnap.cli": "gateway"}
