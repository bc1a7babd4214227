"""How often models were run: what each of several servers counted, added up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from google.protobuf.message import DecodeError, Message

from catnap.calls.models import Asker, ModelCalls
from catnap.errors import CatnapError, SkillCrashed
from catnap.gateway.model_repository import servers
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.oip_server import OipServer
from catnap.models.registry import Served, speaks_oip
from catnap.models.verdict import UpstreamError

_ASK = 5.0
"""Seconds that a server may take to say it."""


async def statistics(
    models: ModelCalls, asker: Asker, name: str, version: str
) -> list[oip.ModelStatistics]:
    """Of one model, or of all that the tenant may ask where there is no name: by
    its servers that answer. version: empty for each. Raises NotFound, and where no
    server of the one model answers, what one of them said."""
    if name:
        found = models.find(asker, name, version)
        served = [found.oip]
        if not version:
            served = [
                each for each in models.registry if speaks_oip(each) and each.name == found.oip.name
            ]
    else:
        visible = {each for each, _ in models.visible(asker.who[0])}
        served = [each for each in models.registry if speaks_oip(each) and each.name in visible]
    said = await asyncio.gather(*(_ask(server, each, version) for server, each in servers(served)))
    counted = [each for each in said if not isinstance(each, CatnapError)]
    errors = [each for each in said if isinstance(each, CatnapError)]
    if name and errors and not counted:
        raise errors[0]
    return together(each for one in counted for each in one)


def together(said: Iterable[oip.ModelStatistics]) -> list[oip.ModelStatistics]:
    """One for each name and version, with the counts of all of that name and version."""
    found = dict[tuple[str, str], oip.ModelStatistics]()
    for each in said:
        _add(found.setdefault((each.name, each.version), oip.ModelStatistics()), each)
    return list(found.values())


async def _ask(
    server: OipServer, served: Served[OipServer], version: str
) -> list[oip.ModelStatistics] | CatnapError:
    asked = oip.ModelStatisticsRequest(name=served.at_servers, version=version)
    try:
        answer = await server.ask("ModelStatistics", asked.SerializeToString(), _ASK)
        found = list(oip.ModelStatisticsResponse.FromString(answer).model_stats)
    except UpstreamError as error:
        return error.error
    except DecodeError:
        return SkillCrashed(f"model {served.name!r}: its server's statistics cannot be read")
    for each in found:
        each.name = served.name
    return found


def _add(total: oip.ModelStatistics, more: oip.ModelStatistics) -> None:
    total.name, total.version = more.name, more.version
    total.last_inference = max(total.last_inference, more.last_inference)
    total.inference_count += more.inference_count
    total.execution_count += more.execution_count
    if more.HasField("inference_stats"):
        _durations(total.inference_stats, more.inference_stats)
    by_size = {each.batch_size: each for each in total.batch_stats}
    for batch in more.batch_stats:
        known = by_size.get(batch.batch_size)
        if known is None:
            total.batch_stats.add().CopyFrom(batch)
        else:
            _durations(known, batch)
    total.memory_usage.extend(more.memory_usage)
    for place, response in more.response_stats.items():
        _durations(total.response_stats[place], response)


def _durations(total: Message, more: Message) -> None:
    """Adds each field that is a duration."""
    for field, duration in more.ListFields():
        if isinstance(duration, oip.StatisticDuration):
            added: oip.StatisticDuration = getattr(total, field.name)
            added.count += duration.count
            added.ns += duration.ns
