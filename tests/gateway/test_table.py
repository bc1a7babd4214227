"""A table finds the route of a path, or says what there is."""

from __future__ import annotations

from typing import Any

import pytest

from catnap.errors import NotFound
from catnap.gateway.table import PUBLIC, Route, Table
from catnap.http import Response
from catnap.http.errors import MethodNotAllowed


async def answer(*_: Any) -> Response:
    return Response()


TABLE = Table(
    (
        Route("GET", "/skills", "skills.read", answer),
        Route("GET", "/skills/{skill}", "skills.read", answer),
        Route("POST", "/skills/{skill}", "skills.call", answer),
        Route("GET", "/skills/{skill}/logs", "logs.read", answer),
        Route("GET", "/files/{scope}", "files.read", answer),
        Route("PUT", "/files/{scope}/{key...}", "files.write", answer),
        Route("GET", "/v1.json", PUBLIC, answer),
        Route("GET", "/models/{model...}/versions/{version}", "models.use", answer),
        Route("GET", "/models/{model...}", "models.use", answer),
    ),
    hint="GET /skills",
)


@pytest.mark.parametrize(
    ("method", "path", "action", "parts", "skill"),
    [
        ("GET", "/skills", "skills.read", (), ""),
        ("GET", "//skills", "skills.read", (), ""),
        ("POST", "/skills/echo", "skills.call", ("echo",), "echo"),
        ("GET", "/skills/", "skills.read", ("",), ""),
        ("GET", "/skills/a%2Fb%20c", "skills.read", ("a/b c",), "a/b c"),
        ("GET", "/skills/logs/logs", "logs.read", ("logs",), "logs"),
        ("PUT", "/files/user/a/b//c%25", "files.write", ("user", "a/b//c%"), ""),
        ("PUT", "/files/session:%C3%BC/", "files.write", ("session:ü", ""), ""),
        ("GET", "/files/user", "files.read", ("user",), ""),
        ("GET", "/v1.json", PUBLIC, (), ""),
        ("GET", "/models/a/b/versions/2", "models.use", ("a/b", "2"), ""),
        ("GET", "/models/a/versions/1/versions/2", "models.use", ("a/versions/1", "2"), ""),
        ("GET", "/models/a%2Fb/versions", "models.use", ("a/b/versions",), ""),
    ],
)
def test_a_path_leads_to_its_route(
    method: str, path: str, action: str, parts: tuple[str, ...], skill: str
) -> None:
    found = TABLE.find(method, path)
    assert (found.route.action, found.parts, found.skill) == (action, parts, skill)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/nothing", "GET /skills"),
        ("/", "GET /skills"),
        ("/v1xjson", "GET /skills"),
        ("/skills/echo/nothing", "GET or POST /skills/{skill}"),
        ("/files", "PUT /files/{scope}/{key...}"),
        ("/skills%2Fecho", "GET /skills"),
    ],
)
def test_a_path_that_is_none_is_told_what_there_is(path: str, hint: str) -> None:
    with pytest.raises(NotFound) as caught:
        TABLE.find("GET", path)
    assert hint in caught.value.message


def test_another_method_is_told_which_there_are() -> None:
    with pytest.raises(MethodNotAllowed, match="use GET, POST") as caught:
        TABLE.find("PATCH", "/skills/echo")
    assert caught.value.headers == ((b"allow", b"GET, POST"),)
