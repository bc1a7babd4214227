"""A Deployment's scale, as the API server is asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catnap.errors import NotFound, PermissionDenied
from catnap.services.knative.scales import Scales
from tests.services.knative.apiserver import Answer, ApiServer, running, status

PATH = "/apis/apps/v1/namespaces/models/deployments/writer/scale"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with running(tmp_path) as told:
        yield told


def scale(replicas: int | None) -> Answer:
    return Answer(
        200, {"kind": "Scale", "spec": {} if replicas is None else {"replicas": replicas}}
    )


def written(server: ApiServer) -> list[object]:
    return [each.body for each in server.asked if each.method == "PATCH"]


@pytest.mark.parametrize("zero", [0, None])
async def test_none_becomes_one(server: ApiServer, zero: int | None) -> None:
    server.answer(PATH, scale(zero))
    await Scales(server.api()).start("models/writer")
    assert written(server) == [{"spec": {"replicas": 1}}]


async def test_what_runs_is_left_as_somebody_scaled_it(server: ApiServer) -> None:
    server.answer(PATH, scale(3))
    await Scales(server.api()).start("models/writer")
    assert written(server) == []


async def test_it_is_put_to_none_once(server: ApiServer) -> None:
    server.answer(PATH, scale(2), scale(2), scale(0))
    scales = Scales(server.api())
    await scales.stop("models/writer")
    await scales.stop("models/writer")
    assert written(server) == [{"spec": {"replicas": 0}}]


async def test_what_the_cluster_refuses_is_said_as_it_says_it(server: ApiServer) -> None:
    scales = Scales(server.api())
    with pytest.raises(NotFound):
        await scales.start("models/writer")
    server.answer(PATH, Answer(403, status(403, "Forbidden", "cannot get deployments/scale")))
    with pytest.raises(PermissionDenied, match="deployments/scale"):
        await scales.start("models/writer")
