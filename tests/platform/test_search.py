"""The main job on real input: the language reference, put, indexed, asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from catnap.client import Client
from tests.platform.running import ROOT, Running
from tests.questions import QUESTIONS
from tests.topics import put_topics, wait_for_index


@pytest.mark.timeout(600)
def test_twenty_questions_find_their_topics_and_nobody_elses(
    start: Callable[..., Running],
) -> None:
    platform = start(where=ROOT / "functions")
    with platform.client() as client:
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


def _files(client: Client, question: str, user: str) -> set[str]:
    answer = client.invoke("document-search", {"question": question}, user=user)
    return {Path(passage["file"]).stem for passage in answer.json()["passages"][:3]}
