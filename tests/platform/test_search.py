"""The main job on real input: the language reference, put, indexed, asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catnap.client import Client
from tests.platform.reached import Reached
from tests.platform.ways import in_other_ways
from tests.questions import QUESTIONS
from tests.topics import put_topics, wait_for_index


@pytest.mark.timeout(600)
def test_twenty_questions_find_their_topics_and_nobody_elses(shipped: Reached) -> None:
    with shipped.client() as client:
        put_topics(client, "reader")
        wait_for_index(client, "reader")
        wrong = [
            (question, found)
            for question, topics in QUESTIONS
            if not topics & (found := _files(client, question, "reader"))
        ]
        assert len(wrong) <= 2, wrong
        client.files.put("mine.txt", b"A cat sleeps on the warm roof.", user="other")
        wait_for_index(client, "other")
        for question, _ in QUESTIONS[:5]:
            assert _files(client, question, "other") <= {"mine"}
        assert _files(client, QUESTIONS[0][0], "nobody") == set()


async def test_http_and_events_find_the_same_as_grpc(shipped: Reached) -> None:
    with shipped.client() as client:
        client.files.put("cat.txt", b"A cat sleeps on the warm roof.", user="ways")
        wait_for_index(client, "ways")
        asked = {"question": "Where does the cat sleep?"}
        found = client.invoke("document-search", asked, user="ways").json()
    assert [passage["file"] for passage in found["passages"]] == ["cat.txt"]
    for headers, body in in_other_ways(asked, "ways"):
        status, _, data = await shipped.request("POST", "/skills/document-search", body, headers)
        assert (status, json.loads(data)) == (200, found)


def _files(client: Client, question: str, user: str) -> set[str]:
    answer = client.invoke("document-search", {"question": question}, user=user)
    return {Path(passage["file"]).stem for passage in answer.json()["passages"][:3]}
