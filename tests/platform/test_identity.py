"""Who may do what: the same on every surface."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from catnap.client import connect
from catnap.errors import PermissionDenied, Unauthenticated
from catnap.inference import grpc_service_pb2
from catnap.v1 import files_pb2, models_pb2, skills_pb2, tasks_pb2
from tests.platform.running import Running

ROUTES = [
    ("GET", "/skills"),
    ("GET", "/skills/echo"),
    ("POST", "/skills/echo"),
    ("POST", "/events"),
    ("POST", "/events/keeper/keep"),
    ("GET", "/callback/files/user"),
    ("PUT", "/callback/files/user/x"),
    ("POST", "/callback/models/minilm-l6-v2/embed"),
    ("POST", "/callback/skills/echo"),
    ("POST", "/callback/events"),
]
OPEN = {"ServerLive", "ServerReady"}


@pytest.mark.parametrize("key", ["", "wrong"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_route_answers_without_a_good_key(
    platform: Running, method: str, path: str, key: str
) -> None:
    headers = {"authorization": f"Bearer {key}"} if key else {"authorization": ""}
    status, _, body = await platform.request(method, path, {}, headers)
    assert (status, json.loads(body)["title"]) == (401, "Not authenticated")


def test_no_method_answers_without_a_good_key(platform: Running) -> None:
    asked = []
    with grpc.insecure_channel(platform.grpc) as channel:
        for module in (skills_pb2, tasks_pb2, files_pb2, models_pb2, grpc_service_pb2):
            for service in module.DESCRIPTOR.services_by_name.values():
                for method in service.methods:
                    if method.name in OPEN:
                        continue
                    asked.append(method.full_name)
                    request = getattr(module, method.input_type.name)()
                    path = f"/{service.full_name}/{method.name}"
                    name = ("stream" if method.client_streaming else "unary") + (
                        "_stream" if method.server_streaming else "_unary"
                    )
                    if name == "stream_unary":
                        request = files_pb2.PutFileRequest(header={"key": "x"})
                    if method.client_streaming:
                        request = iter([request])
                    call = getattr(channel, name)(
                        path, lambda message: message.SerializeToString(), lambda data: data
                    )
                    with pytest.raises(grpc.RpcError) as caught:
                        list(call(request)) if method.server_streaming else call(request)
                    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED, path
    assert len(asked) > 15


async def test_a_grant_opens_callbacks_only_and_only_while_its_call_runs(
    platform: Running,
) -> None:
    with platform.client() as client:
        grant = client.invoke("typed", {"show": "grant"}).json()
    for method, path in ROUTES:
        status, _, body = await platform.request(method, path, {}, key=grant)
        assert status == 401, path
        expected = "has ended" if path.startswith("/callback") else "key"
        assert expected in json.loads(body)["detail"]


async def test_the_admin_key_opens_no_callback(platform: Running) -> None:
    status, _, _ = await platform.request("GET", "/callback/files/user")
    assert status == 401


def test_a_users_key_acts_for_that_user_only(
    start: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "ada-" + "k" * 40
    digest = hashlib.sha256(secret.encode()).hexdigest()
    (tmp_path / "catnap.toml").write_text(
        f'[[keys]]\nname = "ada"\nhash = "sha256:{digest}"\nuser = "ada"\nroles = ["caller"]\n'
        f'[[keys]]\nname = "other"\nhash = "sha256:{hashlib.sha256(b"o" * 40).hexdigest()}"\n'
        'tenant = "other"\nroles = ["caller"]\n'
    )
    monkeypatch.chdir(tmp_path)
    platform = start(skills=["echo", "typed"])
    with platform.client() as admin:
        admin.files.put("secret.txt", b"bob's", user="bob")
    with connect(platform.grpc, secret) as ada:
        assert ada.invoke("typed", {"show": "who"}).json()[1] == "ada"
        for attempt in (
            lambda: ada.invoke("echo", {}, user="bob"),
            lambda: ada.files.get("secret.txt", user="bob").read(),
            lambda: list(ada.files.list(user="bob")),
            lambda: list(ada.tasks.list(user="bob")),
        ):
            with pytest.raises(PermissionDenied, match="bob"):
                attempt()
    with connect(platform.grpc, "o" * 40) as other:
        assert list(other.files.list(user="bob")) == []
        assert other.invoke("typed", {"show": "who"}).json()[0] == "other"
        assert list(other.tasks.list(user="ada")) == []
    with connect(platform.grpc, "nobody") as nobody, pytest.raises(Unauthenticated):
        nobody.invoke("echo", {})


def test_listening_beyond_this_machine_needs_a_key_of_ones_own(
    start: Callable[..., Running],
) -> None:
    with pytest.raises(AssertionError, match="ended: 2"):
        start(CATNAP_HTTP="0.0.0.0:0")
