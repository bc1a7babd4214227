"""Where sessions were."""

from __future__ import annotations

from catnap.http import Target
from catnap.services.knative.homes import Homes
from catnap.services.knative.pods import Pod


def pod(name: str) -> Pod:
    return Pod(name, "echo-00001", Target("host", 8012))


def test_a_session_is_where_it_was_last_while_that_takes_calls() -> None:
    homes, first, second = Homes(), pod("a"), pod("b")
    session = ("acme", "echo", "s")
    assert homes.get(session) is None
    homes.settle(session, first)
    homes.settle(session, second)
    assert homes.get(session) is second
    second.listed = False
    assert homes.get(session) is None


def test_of_too_many_the_one_that_was_quiet_longest_is_forgotten() -> None:
    homes, home = Homes(most=2), pod("a")
    for name in ("1", "2", "1", "3"):
        homes.settle(("acme", "echo", name), home)
    known = [name for name in "123" if homes.get(("acme", "echo", name))]
    assert known == ["1", "3"]
