"""CPython's language reference as a user's files: real text on every machine."""

from __future__ import annotations

import pydoc_data.topics

from catnap.client import Client, TaskState

TOPICS: dict[str, str] = pydoc_data.topics.topics


def put_topics(client: Client, user: str) -> None:
    """Writes each topic as a .txt file of the user's."""
    for name, text in TOPICS.items():
        client.files.put(f"{name}.txt", text.encode(), user=user)


def wait_for_index(client: Client, user: str) -> None:
    """Waits until every file event of the user has been delivered."""
    running = [TaskState.QUEUED, TaskState.RUNNING]
    while tasks := list(client.tasks.list(states=running, skill="document-search", user=user)):
        for task in tasks:
            client.tasks.wait(task.id, timeout=600)
