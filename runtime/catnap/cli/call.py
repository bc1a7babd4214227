"""catnap call."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click
import msgspec

from catnap.cli import output
from catnap.cli.connection import gateway
from catnap.cli.options import (
    CLIENT,
    DURATION,
    Command,
    for_session,
    for_user,
    payload,
    with_data,
    with_json,
    with_settings,
)
from catnap.cli.settings import Settings
from catnap.client import Client, Payload
from catnap.client.options import CallOptions


@click.command(cls=Command)
@click.argument("skill")
@with_data
@for_user
@for_session
@click.option("--timeout", type=DURATION, help="Give up after this time, e.g. 30s.")
@click.option("--priority", type=click.Choice(["low", "normal", "high"]), help="Default: normal.")
@click.option("--idempotency-key", metavar="KEY", help="A repeat gets the first call's outcome.")
@click.option("--tag", default="", help="The revision that carries it: see `catnap traffic`.")
@click.option("--async", "is_async", is_flag=True, help="Print a task's id; do not wait.")
@click.option("--stream", "is_stream", is_flag=True, help="Print the answer as it is produced.")
@click.option("-v", "--timings", "timed", is_flag=True, help="Show where the time went.")
@with_json
@with_settings(*CLIENT)
def call(
    settings: Settings,
    skill: str,
    data: str | None,
    data_file: str | None,
    content_type: str,
    user: str,
    session: str,
    timeout: float | None,
    priority: Any,
    idempotency_key: str | None,
    tag: str,
    is_async: bool,
    is_stream: bool,
    timed: bool,
    as_json: bool,
) -> None:
    """Calls SKILL and prints its answer.

    \b
    catnap call echo --data '{"hello": "world"}'
    catnap call document-search --data '{"question": "How do cats nap?"}' --user ada -v
    catnap call table-query --data-file query.json --timeout 30s
    catnap call document-search --async && catnap tasks wait TASK
    """
    if is_async and is_stream:
        raise click.UsageError("--async does not wait, so there is nothing to --stream.")
    body, kind = payload(data, data_file, content_type)
    options: CallOptions = {"user": user, "session": session}
    if timeout is not None:
        options["timeout"] = timeout
    if priority:
        options["priority"] = priority
    if tag:
        options["tag"] = tag
    if idempotency_key:
        options["idempotency_key"] = idempotency_key
    began = time.perf_counter()
    with gateway(settings) as client:
        if is_async:
            _submit(client, skill, body, kind, options, as_json)
            return
        if is_stream:
            _stream(client, skill, body, kind, options, timed, as_json)
            return
        answer = client.invoke(skill, body, content_type=kind, **options)
    took = (time.perf_counter() - began) * 1000
    if as_json:
        output.as_json(
            {
                "answer": output.document(answer),
                "content_type": answer.content_type,
                "task": answer.task,
                "instance": answer.instance,
                "timings": dict(answer.timings),
            }
        )
    else:
        output.body(answer)
    if timed:
        _show_timings(answer.timings, answer.task, answer.instance, took)


def _submit(
    client: Client, skill: str, body: bytes | None, kind: str, options: CallOptions, as_json: bool
) -> None:
    task = client.submit(skill, body, content_type=kind, **options)
    if as_json:
        output.as_json(output.task(task))
        return
    click.echo(task.id)
    output.note(f"accepted; `catnap tasks wait {task.id}` waits for its answer")


def _stream(
    client: Client,
    skill: str,
    body: bytes | None,
    kind: str,
    options: CallOptions,
    timed: bool,
    as_json: bool,
) -> None:
    began = time.perf_counter()
    with client.stream(skill, body, content_type=kind, **options) as stream:
        took = (time.perf_counter() - began) * 1000
        if as_json:
            click.echo(msgspec.json.encode(stream.head))
        for chunk in stream:
            if as_json:
                part = output.document(Payload(chunk, "text/plain"))
                click.echo(msgspec.json.encode({"chunk": part}))
            else:
                click.echo(chunk, nl=False)
    if timed:
        _show_timings(stream.head.timings, stream.head.task, stream.head.instance, took)


def _show_timings(timings: Mapping[str, float], task: str, instance: str, took: float) -> None:
    start = "cold start" if "start" in timings else "warm"
    output.note(f"{start} on {instance}, task {task}")
    for name, milliseconds in (*timings.items(), ("in all", took)):
        output.note(f"  {name:<8}{milliseconds:>10.1f} ms")
