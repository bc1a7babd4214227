"""What somebody may do next, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

SCOPES = ("user", "session:one", "session:two", "task:one")
"""The same names for everybody."""

KEYS = ("a.txt", "a/b", "b", "données/ü", "acme/ada/files/a", "sessions/one/a")
PREFIXES = ("", "a", "a/", "nothing")


@dataclass(frozen=True)
class Operation:
    """Of one user's. number: whatever is to be chosen besides."""

    kind: str
    surface: str
    scope: str
    key: str
    prefix: str
    number: int


def operations() -> st.SearchStrategy[Operation]:
    kinds = ("put", "get", "list", "delete", "say", "submit", "tasks", "trespass")
    return st.builds(
        Operation,
        kind=st.sampled_from(("put", "get", *kinds)),
        surface=st.sampled_from(("http", "grpc", "skill")),
        scope=st.sampled_from(SCOPES),
        key=st.sampled_from(KEYS),
        prefix=st.sampled_from(PREFIXES),
        number=st.integers(0, 999),
    )


def keepings() -> st.SearchStrategy[Operation]:
    """Of who keeps a tenant's keys."""
    return st.builds(
        Operation,
        kind=st.sampled_from(("create", "rotate", "revoke", "list", "use", "trespass")),
        surface=st.just("http"),
        scope=st.just("user"),
        key=st.sampled_from(KEYS),
        prefix=st.just(""),
        number=st.integers(0, 999),
    )
