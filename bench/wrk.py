"""Load by wrk: one thread, kept-alive connections, the same event again and again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

from bench import exchange
from bench.servers import LOAD_CORE

_SCRIPT = """
wrk.method = "POST"
wrk.body = {body}
{headers}
function done(summary, latency, requests)
  local wrong = summary.errors
  io.write(string.format(
    '{{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"refused":%d,"broken":%d}}\\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, wrong.status,
    wrong.connect + wrong.read + wrong.write + wrong.timeout))
end
"""
_EXPLAIN = """
function response(status, headers, body)
  if status >= 300 or status < 200 then
    io.write("answered " .. status .. " " .. body:gsub("%s+", " ") .. "\\n")
    wrk.thread:stop()
  end
end
"""


@dataclass(frozen=True)
class Load:
    """What one round came to."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    """Answers of 400 and above."""
    broken: int
    """Connections that failed, and requests without answer."""


def program() -> str:
    """The path of wrk. Raises SystemExit where there is none."""
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("the load comes from wrk: on Debian, apt-get install wrk")
    return found


def load(
    address: str, connections: int, seconds: float, headers: Mapping[str, str] = exchange.EVENT
) -> Load:
    """Load on host:port/path. Raises RuntimeError, with what was answered, where a
    request was refused or lost."""
    script = _script(headers)
    found = Load(**json.loads(_run(address, connections, seconds, script).splitlines()[-1]))
    if found.refused or found.broken:
        said = _run(address, connections, 1, script + _EXPLAIN).splitlines()
        answers = [line[:500] for line in said if line.startswith("answered ")]
        raise RuntimeError(
            f"{found.refused} of {found.requests} answers were refusals and {found.broken} "
            f"connections broke; asked again it {answers[0] if answers else 'answered well'}"
        )
    return found


def _run(address: str, connections: int, seconds: float, script: str) -> str:
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        options = ["-t1", f"-c{connections}", f"-d{round(seconds)}s", "-s", file.name]
        done = subprocess.run(
            [program(), *options, f"http://{address}"],
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")
    return done.stdout


def _script(headers: Mapping[str, str]) -> str:
    lines = (f"wrk.headers[{json.dumps(n)}] = {json.dumps(v)}" for n, v in headers.items())
    return _SCRIPT.format(body=json.dumps(exchange.BODY.decode()), headers="\n".join(lines))
