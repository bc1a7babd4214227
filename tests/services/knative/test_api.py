from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catnap.errors import (
    CatnapError,
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from catnap.services.knative.api import Api
from tests.services.knative.apiserver import Answer, ApiServer, listed, running, status

POD = "/api/v1/namespaces/a/pods/b"
CONFIG_MAP: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "c", "namespace": "a"},
    "data": {"x": "1"},
}
CORE = Answer(
    body={
        "resources": [
            {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
            {"name": "namespaces", "kind": "Namespace", "namespaced": False},
            {"name": "namespaces/status", "kind": "Namespace", "namespaced": False},
        ]
    }
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with running(tmp_path) as told:
        yield told


async def test_requests_carry_the_credential_of_the_kube_config(server: ApiServer) -> None:
    server.answer(POD, Answer(body={"kind": "Pod"}))
    assert await server.api().get(POD) == {"kind": "Pod"}
    assert server.asked[0].headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Answer(404, status(404, "NotFound", 'pods "b" not found')), NotFound, 'pods "b"'),
        (
            Answer(403, status(403, "Forbidden", 'cannot get resource "pods" in namespace "a"')),
            PermissionDenied,
            'cannot get resource "pods"',
        ),
        (
            Answer(403, status(403, "Forbidden", "exceeded quota: q, used: pods=1")),
            ResourceExhausted,
            "exceeded quota",
        ),
        (
            Answer(403, status(403, "Forbidden", 'violates PodSecurity "restricted:latest"')),
            InvalidRequest,
            "PodSecurity",
        ),
        (
            Answer(
                403,
                status(
                    403,
                    "Forbidden",
                    "being terminated",
                    causes=[{"reason": "NamespaceTerminating", "message": "is being terminated"}],
                ),
            ),
            Conflict,
            "terminated",
        ),
        (Answer(409, status(409, "AlreadyExists", "already exists")), Conflict, "exists"),
        (Answer(422, status(422, "Invalid", "spec.x:\n required")), InvalidRequest, "x: required"),
        (Answer(401, status(401, "Unauthorized", "Unauthorized")), Unauthenticated, "kube config"),
        (Answer(502, "no JSON of theirs"), Unavailable, "no JSON of theirs"),
    ],
)
async def test_a_refusal_is_one_of_our_errors_with_the_servers_reason(
    server: ApiServer, answer: Answer, error: type[CatnapError], says: str
) -> None:
    server.answer(POD, answer)
    with pytest.raises(error, match=says):
        await server.api().get(POD)


async def test_a_busy_server_is_asked_again_when_it_says(server: ApiServer) -> None:
    busy = Answer(429, status(429, "TooManyRequests", "later"), {"Retry-After": "0"})
    server.answer(POD, busy, busy, Answer(body={"kind": "Pod"}))
    assert await server.api().get(POD) == {"kind": "Pod"}


async def test_nobody_at_the_address_is_told_with_the_address(tmp_path: Path) -> None:
    with running(tmp_path) as told:
        api = told.api()
    with pytest.raises(Unavailable, match=rf"{api.server} does not answer .*refused"):
        await api.get(POD)


async def test_a_server_that_speaks_no_http_is_told(tmp_path: Path) -> None:
    with running(tmp_path) as told, socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        text = told.kubeconfig.read_text()
        old = told.api().server
        told.kubeconfig.write_text(text.replace(old, f"https://127.0.0.1:{port}"))
        api = told.api()
        deaf.close()
        with pytest.raises(Unavailable, match="does not answer"):
            await api.get(POD)


def test_a_context_that_is_not_there_is_named(server: ApiServer) -> None:
    with pytest.raises(Unavailable, match="elsewhere"):
        Api.connect(server.kubeconfig, context="elsewhere")


def test_a_kube_config_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="KUBECONFIG"):
        Api.connect(tmp_path / "none")


async def test_apply_sends_the_object_as_ours_and_refuses_unknown_fields(
    server: ApiServer,
) -> None:
    server.answer("/api/v1", CORE)
    server.answer("/api/v1/namespaces/a/configmaps/c", Answer(body=CONFIG_MAP))
    await server.api().apply(CONFIG_MAP, dry_run=True)
    asked = server.asked[-1]
    assert (asked.method, asked.body) == ("PATCH", CONFIG_MAP)
    assert asked.headers["Content-Type"] == "application/apply-patch+yaml"
    query = {"fieldManager": "catnap", "force": "true", "fieldValidation": "Strict"}
    assert asked.query == {**query, "dryRun": "All"}


async def test_paths_come_from_what_the_server_says_of_its_kinds(server: ApiServer) -> None:
    server.answer("/api/v1", CORE)
    api = server.api()
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}
    assert await api.path_of(namespace) == "/api/v1/namespaces/a"
    assert await api.path_of(CONFIG_MAP) == "/api/v1/namespaces/a/configmaps/c"
    assert await api.path_of_kind("v1", "ConfigMap") == "/api/v1/configmaps"
    assert len(server.asked) == 1


async def test_a_kind_the_cluster_lacks_is_named(server: ApiServer) -> None:
    skill = {**CONFIG_MAP, "apiVersion": "serving.knative.dev/v1", "kind": "Service"}
    with pytest.raises(NotFound, match=r"'Service' of serving\.knative\.dev/v1"):
        await server.api().path_of(skill)


async def test_what_is_deleted_takes_along_what_it_owns(server: ApiServer) -> None:
    server.answer(POD, Answer(body={}))
    await server.api().delete(POD)
    assert server.asked[0].query == {"propagationPolicy": "Background"}


async def test_a_list_may_be_narrowed_by_labels(server: ApiServer) -> None:
    server.answer("/api/v1/pods", listed("1", "a"))
    found = await server.api().list("/api/v1/pods", "app=x")
    assert [each["metadata"]["name"] for each in found["items"]] == ["a"]
    assert server.asked[0].query == {"labelSelector": "app=x"}


async def test_a_status_is_merged_into_the_status_alone(server: ApiServer) -> None:
    server.answer(f"{POD}/status", Answer(body={}))
    await server.api().patch_status(POD, {"status": {"phase": "Failed"}})
    assert server.asked[0].headers["Content-Type"] == "application/merge-patch+json"
