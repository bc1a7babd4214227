"""Where a call's time went, and what a Service object asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.calls.made import Made
from catnap.services.platform import Delivery
from catnap.services.render import service
from catnap.services.revision import revision_of
from catnap.services.timings import passed, waited
from catnap.skills.manifest import parse_manifest
from tests.contract.memory import MemoryReply

START = {"start": 5.0, "import": 8.0, "init": 2.0}


@pytest.mark.parametrize(
    ("milliseconds", "starting", "parts"),
    [
        (3.0, None, {"queue": 3.0}),
        (20.0, START, {"queue": 5.0, **START}),
        (10.0, START, {"queue": 0.0, "start": 0.0, "import": 8.0, "init": 2.0}),
        (1.0, START, {"queue": 0.0, "start": 0.0, "import": 0.0, "init": 1.0}),
    ],
)
def test_a_wait_is_told_by_its_parts(
    milliseconds: float, starting: dict[str, float] | None, parts: dict[str, float]
) -> None:
    found = waited(milliseconds, starting)
    assert found == parts
    assert list(found) == list(parts)


@given(st.floats(0, 1e5), st.tuples(*[st.floats(0, 1e4)] * 3))
def test_the_parts_add_up_to_the_wait(milliseconds: float, took: tuple[float, ...]) -> None:
    found = waited(milliseconds, dict(zip(START, took, strict=True)))
    assert sum(found.values()) == pytest.approx(milliseconds)
    assert min(found.values()) >= 0


async def test_what_the_instance_measured_is_added() -> None:
    async def nothing():  # type: ignore[no-untyped-def]
        return
        yield b""

    reply = MemoryReply(200, b"a/b", nothing())
    await reply.read()
    reply.headers[b"server-timing"] = b'queue;dur=2, handle;dur=7.5, cache;desc="hit", db;dur=x'
    made = Made(Delivery(reply, "i", {"queue": 1.0, "start": 4.0}))
    assert made.timings() == {"queue": 3.0, "start": 4.0, "handle": 7.5}


def test_a_manifest_comes_back_from_its_service_object_as_what_it_asked_for() -> None:
    manifest = parse_manifest(
        'name = "echo"\ndescription = "Echo."\n[scale]\nmin = 1\nmax = 7\nconcurrency = 4\n'
        'target = 3\nwindow = "90s"\nidle = "1500ms"\nqueue = 40\npreload = ["a", "b"]\n'
        '[limits]\ntimeout = "1500ms"\n[session]\naffinity = false\nidle = "1m"\nmax = 5\n'
        '[env]\nMODE = "x"\n'
    )
    revision = revision_of(service(manifest, image="i", namespace="acme"), 12)
    assert (revision.name, revision.namespace, revision.image) == ("echo-00012", "acme", "i")
    assert (revision.scale.min_scale, revision.scale.max_scale) == (1, 7)
    assert revision.queue == 40
    assert revision.scale.target == pytest.approx(2.1)
    assert (revision.scale.window, revision.scale.retention, revision.timeouts.whole) == (
        90.0,
        1.5,
        2.0,
    )
    assert (revision.affinity, revision.session_idle, revision.session_max) == (False, 60.0, 5)
    assert revision.preload == ("a", "b")
    assert revision.env == {"MODE": "x"}


@pytest.mark.parametrize(
    ("concurrency", "target", "wanted"),
    [(0, None, 70.0), (10, None, 7.0), (10, 50, 7.0), (0, 3, 2.1)],
)
def test_a_target_is_seven_tenths_and_never_above_concurrency(
    concurrency: int, target: int | None, wanted: float
) -> None:
    line = f"target = {target}\n" if target else ""
    toml = f'name = "e"\ndescription = "E."\n[scale]\nconcurrency = {concurrency}\n{line}'
    rendered = service(parse_manifest(toml), image="i", namespace="t")
    assert revision_of(rendered, 1).scale.target == pytest.approx(wanted)


READY = b"1000.000000;import=20.000;init=5.000"


@pytest.mark.parametrize(
    ("headers", "sent", "parts"),
    [
        ({}, 999.0, {"queue": 1500.0}),
        ({b"server-timing": b"queue;dur=100, handle;dur=900"}, 999.0, {"queue": 500.0}),
        (
            {b"catnap-ready": READY},
            999.0,
            {"queue": 500.0, "start": 975.0, "import": 20.0, "init": 5.0},
        ),
        (
            {b"catnap-ready": READY},
            999.99,
            {"queue": 1490.0, "start": 0.0, "import": 5.0, "init": 5.0},
        ),
        ({b"catnap-ready": READY}, 1000.0, {"queue": 1500.0}),
        # The instance's clock is ahead by a minute.
        (
            {b"catnap-ready": READY, b"server-timing": b"handle;dur=1000"},
            940.0,
            {"queue": 0.0, "start": 475.0, "import": 20.0, "init": 5.0},
        ),
        ({b"catnap-ready": b"soon"}, 999.0, {"queue": 1500.0}),
    ],
)
def test_a_call_that_others_passed_on_is_told_where_its_time_went(
    headers: dict[bytes, bytes], sent: float, parts: dict[str, float]
) -> None:
    assert passed(headers, sent, 1500.0) == pytest.approx(parts, abs=1e-6)
