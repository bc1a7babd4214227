"""What the cluster is asked about a token, and what its answers mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catnap.errors import CatnapError, Unauthenticated, Unavailable
from catnap.services.knative.tokens import PATH, review
from tests.services.knative.apiserver import Answer, ApiServer, running, status

BROKER = "system:serviceaccount:catnap-acme:broker"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with running(tmp_path) as told:
        yield told


def said(user: str = BROKER, audiences: tuple[str, ...] = ("us",), **more: Any) -> Answer:
    found = {"authenticated": True, "user": {"username": user}, "audiences": list(audiences)}
    return Answer(201, {"kind": "TokenReview", "status": {**found, **more}})


async def test_the_cluster_is_asked_whose_the_token_is_and_whether_it_is_for_us(
    server: ApiServer,
) -> None:
    server.answer(PATH, said())
    assert await review(server.api(), "the-token", "us") == ("catnap-acme", "broker")
    [asked] = server.asked
    assert asked.body["spec"] == {"token": "the-token", "audiences": ["us"]}


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (said(authenticated=False, error="it has expired"), Unauthenticated, "it has expired"),
        (said(audiences=()), Unauthenticated, "vouch"),
        (said(audiences=("another",)), Unauthenticated, "vouch"),
        (said(user="ann"), Unauthenticated, "'ann' is no service account"),
        (Answer(403, status(403, "Forbidden", "cannot create")), Unavailable, "cannot create"),
        (Answer(401, status(401, "Unauthorized", "no")), Unavailable, "reviewed"),
    ],
)
async def test_everything_but_a_clear_yes_is_a_no(
    server: ApiServer, answer: Answer, kind: type[CatnapError], message: str
) -> None:
    server.answer(PATH, answer)
    with pytest.raises(kind, match=message):
        await review(server.api(), "the-token", "us")
