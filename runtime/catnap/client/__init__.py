"""The agent core's client: everything the gateway offers, over gRPC.

    with connect("127.0.0.1:9000", token) as catnap:
        answer = catnap.invoke("echo", {"hello": "world"}, user="ada", timeout=30)
        print(answer.json())

`catnap.client.aio.connect` gives the same for asyncio. Errors are those of
catnap.errors.
"""

from catnap.client.status import Unreachable, from_rpc_error
from catnap.client.sync import Client, Incoming, connect
from catnap.client.values import (
    Answer,
    Embeddings,
    File,
    LogRecord,
    Model,
    Payload,
    Piece,
    Skill,
    StreamHead,
    Task,
    TaskState,
)

__all__ = [
    "Answer",
    "Client",
    "Embeddings",
    "File",
    "Incoming",
    "LogRecord",
    "Model",
    "Payload",
    "Piece",
    "Skill",
    "StreamHead",
    "Task",
    "TaskState",
    "Unreachable",
    "connect",
    "from_rpc_error",
]
