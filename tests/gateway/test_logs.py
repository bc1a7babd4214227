"""Logs where the cluster keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from catnap.errors import InvalidRequest
from catnap.events import Event
from catnap.gateway.logs import Logs, PodLogs
from catnap.host import records
from catnap.skills import Context


async def test_on_a_cluster_the_command_that_shows_the_logs_is_told() -> None:
    logs = PodLogs(lambda tenant: f"catnap-{tenant}")
    with pytest.raises(InvalidRequest) as caught:
        await anext(logs.read("acme", "echo", 100, follow=True))
    command = (
        "kubectl logs -n catnap-acme -l serving.knative.dev/service=echo "
        "-c user-container --prefix --tail 100 --follow"
    )
    assert command in caught.value.message


async def test_what_an_instance_writes_keeps_its_task_its_trace_and_its_level(
    tmp_path: Path,
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    context = Context(
        event=Event(id="1", source="/tests", type="test"),
        task="t1",
        traceparent=f"00-{trace}-b7ad6b7169203331-01",
    )
    logs = Logs(tmp_path)
    for level in ("", "warning"):
        line = records.encode("stderr", context, ["careful"], 0.0, level).rstrip()
        logs.write("acme", "echo", "echo-1", "stdout", line)
    logs.write("acme", "echo", "echo-1", "stdout", b"no record")
    output, message, other = [record async for record in logs.read("acme", "echo", 10)]
    assert (output.stream, output.task, output.text) == ("stderr", "t1", "careful")
    assert (output.trace, output.level, message.level) == (trace, "", "warning")
    assert (other.stream, other.text, other.trace) == ("stdout", "no record", "")


async def test_a_log_kept_by_an_older_gateway_is_still_read(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    logs.write("acme", "echo", "echo-1", "stdout", b"line")
    await logs.flush()
    [file] = tmp_path.rglob("*.jsonl")
    kept = b'{"time":1.5,"stream":"stdout","instance":"a","task":"t","text":"old"}\n'
    file.write_bytes(kept)
    [record] = [record async for record in logs.read("acme", "echo", 10)]
    assert (record.text, record.level) == ("old", "")
