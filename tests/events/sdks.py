"""The CloudEvents SDKs, as readers and writers of HTTP messages."""

from __future__ import annotations

import base64
import json
import subprocess
import warnings
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cloudevents.http as sdk1

from tests.events.generated import Message

PYTHON2 = Path(__file__).parents[2] / ".tools" / "cloudevents2" / "bin" / "python"


class Reading(NamedTuple):
    """What an SDK made of a message, in its own types."""

    attributes: dict[str, Any]
    data: Any


class Sdk(Protocol):
    unescapes: bool
    """Whether it percent-decodes header text."""

    def read(self, message: Message) -> Reading | None:
        """None where it refuses the message."""

    def write(self, mode: str, attributes: dict[str, Any], data: Any) -> Message:
        """mode: `binary` or `structured`."""


class Sdk1:
    """1.12, in the tests' own environment."""

    unescapes = False

    def read(self, message: Message) -> Reading | None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                event = sdk1.from_http(_text(message), message.body)
            except Exception:  # it raises whatever its own code runs into
                return None
        return Reading(dict(event.get_attributes()), event.data)

    def write(self, mode: str, attributes: dict[str, Any], data: Any) -> Message:
        event = sdk1.CloudEvent(attributes, data)
        headers, body = sdk1.to_binary(event) if mode == "binary" else sdk1.to_structured(event)
        return _message(headers, body)


class Sdk2:
    """2.x, in a process of its own environment. Close it."""

    unescapes = True

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [PYTHON2, Path(__file__).with_name("sdk2.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self, message: Message) -> Reading | None:
        found = self._ask("read", _text(message), base64.b64encode(message.body).decode())
        if found is None:
            return None
        data = base64.b64decode(found["data"]) if found["raw"] else found["data"]
        return Reading(found["attributes"], data)

    def write(self, mode: str, attributes: dict[str, Any], data: Any) -> Message:
        headers, body = self._ask("write", mode, attributes, data)
        return _message(headers, base64.b64decode(body))

    def _ask(self, operation: str, *arguments: Any) -> Any:
        assert self._child.stdin
        assert self._child.stdout
        print(json.dumps({operation: arguments}), file=self._child.stdin, flush=True)
        return json.loads(self._child.stdout.readline())

    def close(self) -> None:
        self._child.communicate()


def _text(message: Message) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in message.headers}


def _message(headers: dict[str, str], body: bytes) -> Message:
    return Message([(name.lower().encode(), v.encode()) for name, v in headers.items()], body)
