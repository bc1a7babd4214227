"""Where a scope's objects lie, and which keys there are.

    <tenant>/<user>/files/<key>              the user's
    <tenant>/<user>/sessions/<id>/<key>      a session's
    <tenant>/<user>/tasks/<id>/<key>         a task's

The user's own files have a part of their own, so that no name in it is taken.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

from catnap.errors import InvalidRequest
from catnap.events.attributes import forbidden
from catnap.events.ids import check_id, path_part

MAX_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose files: a user's, or those of one of its sessions or tasks.

    An id may be any text of 1 to 256 bytes without control characters. Raises
    InvalidRequest for another, and where both a session and a task are named.
    """

    tenant: str
    user: str
    session: str = ""
    task: str = ""

    def __post_init__(self) -> None:
        if self.session and self.task:
            raise InvalidRequest(
                f"session {self.session!r} and task {self.task!r} exclude each other: "
                "files belong to one of them"
            )
        check_id("tenant", self.tenant)
        check_id("user", self.user)
        check_id("session", self.session or "-")
        check_id("task", self.task or "-")

    @property
    def kind(self) -> Literal["user", "session", "task"]:
        return "session" if self.session else "task" if self.task else "user"

    @property
    def name(self) -> str:
        """As a URL has it: `user`, `session:<id>` or `task:<id>`, not yet quoted."""
        return f"{self.kind}:{self.session}{self.task}" if self.kind != "user" else "user"

    @property
    def prefix(self) -> str:
        """Begins every key of the scope and no other; ends in `/`."""
        owner = f"{path_part(self.tenant)}/{path_part(self.user)}"
        if self.session:
            return f"{owner}/sessions/{path_part(self.session)}/"
        if self.task:
            return f"{owner}/tasks/{path_part(self.task)}/"
        return f"{owner}/files/"


def named(tenant: str, user: str, name: str) -> Scope:
    """The user's scope that `Scope.name` tells. Raises InvalidRequest."""
    kind, _, its_id = name.partition(":")
    if name == "user":
        return Scope(tenant, user)
    if kind in ("session", "task") and its_id:
        return Scope(tenant, user, **{kind: its_id})
    raise InvalidRequest(f"scope {name[:80]!a}: use user, session:<id> or task:<id>")


def check_key(key: str) -> str:
    """The key in NFC. Raises InvalidRequest, which names the key and the rule:

    1 to 1,024 bytes of UTF-8; parts between `/` are not empty, `.` or `..`, so
    no `/` begins or ends it; no control character, no code point that is no
    character (surrogates among them); no backslash, which a client on another
    system takes for `/`.
    """
    if not key:
        _refuse(key, "is empty")
    key = _text(key)
    for part in key.split("/"):
        if part in ("", ".", ".."):
            _refuse(key, f"has a part {part!r}; parts are not empty, '.' or '..'")
    return key


def check_prefix(prefix: str) -> str:
    """As check_key, for the beginning of keys: may be empty, may end anywhere."""
    prefix = _text(prefix)
    whole = prefix.split("/")[:-1]
    for part in whole:
        if part in ("", ".", ".."):
            _refuse(prefix, f"has a part {part!r}; parts are not empty, '.' or '..'")
    return prefix


def _text(key: str) -> str:
    # Bounded first: normalising takes time, and shortens to a third at most.
    if len(key) > 3 * MAX_KEY_BYTES:
        _refuse(key, f"is longer than {MAX_KEY_BYTES:,} bytes")
    key = unicodedata.normalize("NFC", key)
    if "\\" in key:
        _refuse(key, "has a backslash; parts are divided by '/'")
    if character := forbidden(key):  # an event about the file names it
        _refuse(key, f"has a character that is not allowed, U+{ord(character):04X}")
    if len(key.encode()) > MAX_KEY_BYTES:
        _refuse(key, f"is longer than {MAX_KEY_BYTES:,} bytes")
    return key


def _refuse(key: str, rule: str) -> None:
    shown = key if len(key) <= 80 else key[:77] + "..."
    raise InvalidRequest(f"file key {shown!a}: {rule}")
