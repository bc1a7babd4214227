"""Catnap skills under the stock functions-framework."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import functions_framework
import pytest
from flask.testing import FlaskClient

SOURCE = """
from catnap import Context, SkillError, skill

@skill
def double(ctx: Context, request: int) -> int:
    return 2 * request

@skill
def triple(ctx: Context, request: int = 4) -> int:
    return 3 * request

@skill
async def kind(ctx: Context) -> str:
    return ctx.event.type

@skill
async def count(ctx: Context, request: int):
    for part in range(request):
        yield part

@skill
def declines(ctx: Context, request: int) -> int:
    raise SkillError("not today")

@skill
def reads(ctx: Context) -> str:
    return ctx.run(ctx.files.read("a.txt")).decode()
"""
EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/a", "ce-type": "a.b"}


@pytest.fixture
def client(tmp_path: Path, request: Any) -> FlaskClient:
    (tmp_path / "main.py").write_text(SOURCE)
    app = functions_framework.create_app(request.param, str(tmp_path / "main.py"), "http")
    client: FlaskClient = app.test_client()
    return client


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize("client", ["double"], indirect=True)
def test_json_goes_in_and_comes_out(client: FlaskClient) -> None:
    answer = client.post("/", data=b"21")
    assert (answer.status_code, answer.json, answer.content_type) == (200, 42, "application/json")


@pytest.mark.parametrize("client", ["double"], indirect=True)
def test_a_payload_that_does_not_fit_is_a_problem_document(client: FlaskClient) -> None:
    answer = client.post("/", data=b'"x"')
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert answer.json["detail"] == "the payload does not fit: Expected `int`, got `str`"


@pytest.mark.parametrize("client", ["triple"], indirect=True)
def test_a_default_stands_for_an_empty_payload(client: FlaskClient) -> None:
    assert (client.post("/").json, client.post("/", data=b"5").json) == (12, 15)


@pytest.mark.parametrize("client", ["kind"], indirect=True)
def test_an_event_is_decoded(client: FlaskClient) -> None:
    assert client.post("/", headers=EVENT).json == "a.b"
    assert client.post("/", headers={**EVENT, "ce-id": ""}).status_code == 400


@pytest.mark.parametrize("client", ["count"], indirect=True)
def test_a_stream_comes_as_a_list(client: FlaskClient) -> None:
    assert client.post("/", data=b"3").json == [0, 1, 2]


@pytest.mark.parametrize("client", ["declines"], indirect=True)
def test_a_declared_error_keeps_its_status(client: FlaskClient) -> None:
    answer = client.post("/", data=b"1")
    assert (answer.status_code, answer.json["detail"]) == (422, "not today")


@pytest.mark.parametrize("client", ["reads"], indirect=True)
def test_asking_the_platform_says_that_there_is_none(client: FlaskClient) -> None:
    answer = client.post("/", data=b"")
    assert answer.status_code == 503
    assert "runs without the platform" in answer.json["detail"]
