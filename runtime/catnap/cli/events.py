"""catnap events."""

from __future__ import annotations

import asyncio
from typing import Any

import click
import msgspec
from cloudevents.conversion import to_binary
from cloudevents.http import CloudEvent

from catnap.cli import output
from catnap.cli.admin import ADMIN
from catnap.cli.connection import http_client, token, unreachable
from catnap.cli.options import (
    Group,
    for_session,
    for_user,
    payload,
    with_data,
    with_json,
    with_settings,
)
from catnap.cli.settings import Settings
from catnap.errors import InvalidRequest, Unavailable, from_problem
from catnap.events.header_text import quote
from catnap.http import Target


@click.group(cls=Group)
def events() -> None:
    """Events, which wake every skill with a matching trigger."""


@events.command()
@click.option("--type", "kind", required=True, metavar="TYPE", help="What happened.")
@click.option("--source", required=True, metavar="URI", help="Where it happened.")
@click.option("--subject", metavar="TEXT", help="What it happened to.")
@click.option("--id", "event_id", metavar="ID", help="Unique for the source. Default: a new one.")
@with_data
@for_user
@for_session
@with_json
@with_settings(*ADMIN)
def send(
    settings: Settings,
    kind: str,
    source: str,
    subject: str | None,
    event_id: str | None,
    data: str | None,
    data_file: str | None,
    content_type: str,
    user: str,
    session: str,
    as_json: bool,
) -> None:
    """Sends one CloudEvent.

    It is kept before it is answered, and accepted once: a repeat with the
    same source and id changes nothing.

    \b
    catnap events send --type com.example.mail.received --source /mail --data '{"from": "bob"}'
    catnap events send --type catnap.file.updated --source /files/user --subject a.txt --data '{}'
    """
    body, media_type = payload(data, data_file, content_type)
    attributes = {
        "type": kind,
        "source": source,
        "id": event_id,
        "subject": subject,
        "userid": user,
        "sessionid": session,
        "datacontenttype": media_type,
    }
    event = CloudEvent({name: value for name, value in attributes.items() if value}, body)
    accepted = asyncio.run(_send(settings, event))
    if as_json:
        output.as_json(accepted)
        return
    tasks = accepted.get("tasks", [])
    for task in tasks:
        click.echo(task)
    if tasks:
        output.note(f"accepted {event['id']}; `catnap tasks wait TASK` waits for a task's answer")
    elif accepted.get("matched"):
        output.note(f"accepted {event['id']}; nothing new is to be done for it")
    else:
        output.note(f"accepted {event['id']}; no skill has a trigger for {kind!r}")


async def _send(settings: Settings, event: CloudEvent) -> dict[str, Any]:
    marked, body = to_binary(event, data_marshaller=lambda data: data or b"")
    # The SDK writes attribute values as they are; the HTTP binding wants all
    # but printable ASCII percent-encoded.
    headers = [
        (name.encode(), quote(value) if name.startswith("ce-") else value.encode())
        for name, value in marked.items()
    ]
    bearer = token(settings, settings.http)
    if bearer:
        headers.append((b"authorization", f"Bearer {bearer}".encode()))
    client = http_client(settings)
    try:
        try:
            reply = await client.request(
                Target.parse(settings.http), "POST", "/events", headers, body
            )
        except Unavailable as error:
            raise unreachable(settings.http, "http", error) from None
        answer = await reply.read()
    finally:
        await client.close()
    if reply.status >= 400:
        raise from_problem(reply.status, answer)
    try:
        accepted: dict[str, Any] = msgspec.json.decode(answer or b"{}", type=dict)
    except msgspec.DecodeError:
        raise InvalidRequest(f"{settings.http} is no Catnap gateway: it answered no JSON") from None
    return accepted
