"""What is wrong gets its error from the design's table, named; nothing else suffers."""

from __future__ import annotations

import json

import grpc
import pytest

from catnap.errors import CatnapError, InvalidRequest, NotFound, PayloadTooLarge
from catnap.v1 import files_pb2
from catnap.v1.files_pb2_grpc import FilesStub
from tests.platform.running import Running

EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/t", "ce-type": "test.keep"}
JSON = {"content-type": "application/json"}
STRUCTURED = {"content-type": "application/cloudevents+json"}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "named"),
    [
        ("/skills/typed", b"{", JSON, 400, "not JSON"),
        ("/skills/typed", b'{"numbers": [1, "two"]}', JSON, 400, "numbers[1]"),
        ("/skills/none", b"{}", JSON, 404, "'none'"),
        ("/events", b"{}", {**EVENT, "ce-id": ""}, 400, "'id'"),
        ("/events", b"{}", {k: v for k, v in EVENT.items() if k != "ce-id"}, 400, "'id'"),
        ("/events", b"{}", {**EVENT, "ce-specversion": "0.3"}, 400, "'specversion'"),
        ("/events", b'{"specversion": "1.0"', STRUCTURED, 400, "JSON"),
        ("/skills/echo", b"x" * 101_000_000, JSON, 413, "100,000,000"),
        ("/skills/echo", b"{}", {**JSON, "catnap-timeout": "soon"}, 400, "Catnap-Timeout"),
        ("/skills/echo", b"{}", {**JSON, "catnap-priority": "now"}, 400, "Catnap-Priority"),
        ("/skills/misbehave", b'{"mode": "decline"}', JSON, 422, "cannot be done"),
        ("/skills/misbehave", b'{"mode": "raise"}', JSON, 500, "RuntimeError: as it was asked to"),
        ("/skills/dies", b'{"mode": "exit"}', JSON, 500, "status 3"),
        ("/skills/misbehave", b'{"mode": "hang"}', JSON, 504, "did not answer"),
        ("/skills/spins", b'{"mode": "spin"}', JSON, 504, "did not answer"),
        ("/nothing", b"{}", JSON, 404, "/nothing"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("/") else "",
)  # fmt: skip
async def test_bad_input_is_named_and_the_platform_goes_on(
    platform: Running, path: str, body: bytes, headers: dict[str, str], status: int, named: str
) -> None:
    answered, sent, data = await platform.request("POST", path, body, headers)
    problem = json.loads(data)
    assert (answered, problem["status"]) == (status, status)
    assert sent["content-type"] == "application/problem+json"
    assert named in problem["detail"]
    # The skill that went wrong does what it is asked next.
    wrong = path.rpartition("/")[2]
    after = wrong if wrong in ("misbehave", "dies", "spins") else "echo"
    with platform.client() as client:
        task = client.submit(after, {"mode": "answer"})
        assert client.tasks.wait(task.id, timeout=100).state == "succeeded"


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/x", "a//b", ".", "a\0b", "x" * 1025])
def test_a_key_that_could_leave_its_scope_is_refused(platform: Running, key: str) -> None:
    with platform.client() as client:
        with pytest.raises(InvalidRequest):
            client.files.put(key, b"")
        with pytest.raises((InvalidRequest, NotFound)):
            client.files.get(key).read()


def test_the_same_errors_reach_a_grpc_client_as_their_classes(platform: Running) -> None:
    with platform.client() as client:
        for skill, payload, kind in (
            ("typed", {"numbers": "many"}, InvalidRequest),
            ("none", {}, NotFound),
            ("echo", b"x" * 100_000_001, PayloadTooLarge),
        ):
            with pytest.raises(kind):
                client.invoke(skill, payload)
        for skill, mode, status in (
            ("misbehave", "raise", 500),
            ("dies", "exit", 500),
            ("misbehave", "decline", 422),
            ("misbehave", "hang", 504),
        ):
            with pytest.raises(CatnapError) as caught:
                client.invoke(skill, {"mode": mode})
            assert caught.value.http == status


async def test_an_event_whose_skill_goes_wrong_is_kept(platform: Running) -> None:
    headers = {**EVENT, "ce-type": "test.misbehave", "ce-id": "declined"}
    status, _, body = await platform.request("POST", "/events", {"mode": "decline"}, headers)
    assert status == 202
    with platform.client() as client:
        task = client.tasks.wait(json.loads(body)["tasks"][0], timeout=60)
    assert (task.state, str(task.error)) == ("dead", "this cannot be done")


def test_an_upload_that_breaks_off_leaves_no_file(platform: Running) -> None:
    header = files_pb2.PutFileRequest(header=files_pb2.PutFileHeader(key="half.bin"))
    chunk = files_pb2.PutFileRequest(chunk=b"x" * 100_000)
    metadata = [("authorization", f"Bearer {platform.key}")]
    with grpc.insecure_channel(platform.grpc) as channel:
        stub = FilesStub(channel)
        for messages in ([header, chunk], [header], []):
            with pytest.raises(grpc.RpcError) as caught:
                stub.Put(iter(messages), metadata=metadata)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with platform.client() as client, pytest.raises(NotFound):
        client.files.get("half.bin").read()
