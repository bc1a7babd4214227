"""Places at the pods of one revision."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from catnap.http import Target
from catnap.services.knative.pods import Pod, Pods


def found(*names: str) -> dict[str, Target]:
    return {name: Target(f"host-{name}", 8012) for name in names}


def pods(limit: int | None, *names: str) -> Pods:
    made = Pods(limit)
    made.replace("echo-00001", found(*names))
    return made


def take(these: Pods, home: Pod | None = None) -> str | None:
    pod = these.take(home, random.random)
    return pod.name if pod else None


def test_a_pod_has_no_more_of_our_calls_than_its_concurrency() -> None:
    some = pods(2, "a", "b")
    assert Counter(take(some) for _ in range(6)) == {"a": 2, "b": 2, None: 2}


def test_without_a_bound_there_is_always_room() -> None:
    some = pods(0, "a")
    assert [take(some) for _ in range(50)] == ["a"] * 50


def test_before_the_bound_is_known_nobody_is_sent_a_call() -> None:
    some = pods(None, "a")
    assert take(some) is None
    some.set_limit(1)
    assert take(some) == "a"


def test_what_others_give_places_to_may_be_at_any_pod() -> None:
    some = pods(2, "a", "b")
    some.relay(1)
    assert Counter(take(some) for _ in range(6))[None] == 3
    some.relay(-1)
    assert take(some) is not None
    unbound = pods(0, "a")
    unbound.relay(1000)
    assert take(unbound) == "a"


def test_who_must_be_alone_counts_them_at_every_pod() -> None:
    some = pods(2, "a", "b")
    some.relay(1)
    places = [some.take(None, random.random, alone=True) for _ in range(20)]
    assert Counter(pod.name for pod in places if pod) == {"a": 1, "b": 1}


def test_room_is_found_wherever_it_is() -> None:
    some = pods(2, "a", "b")
    some.relay(1)
    taken = [some.take(None, lambda: 0.0, alone=True) for _ in range(3)]
    assert {pod.name for pod in taken if pod} == {"a", "b"}
    assert taken[2] is None


def test_after_a_burst_calls_go_straight_again() -> None:
    some = pods(10, *"abcde")
    some.relay(11)
    straight = 0
    for _ in range(200):  # each call that ends is followed by another, straight if it can be
        if take(some) is None:
            continue
        straight += 1
        if straight <= 11:
            some.relay(-1)
    assert straight > 11


def test_a_place_that_is_given_back_is_taken_again() -> None:
    some = pods(1, "a")
    pod = some.take(None, random.random)
    assert pod
    assert take(some) is None
    some.release(pod)
    assert take(some) == "a"


def test_a_session_is_at_its_pod_while_that_has_room() -> None:
    some = pods(2, "a", "b", "c")
    home = some.named("b")
    assert [take(some, home) for _ in range(2)] == ["b", "b"]
    assert take(some, home) in ("a", "c")


def test_a_session_waits_in_its_pods_own_queue_until_that_is_full() -> None:
    some = pods(1, "a", "b")
    home = some.named("b")
    waiting = [some.take(home, random.random, queue=True) for _ in range(11)]
    assert waiting == [home] * 11
    assert take(some, home) == "a"
    assert some.take(home, random.random, queue=True) is None
    for _ in waiting:
        assert home
        some.release(home)
    assert take(some, home) == "b"


def test_a_home_of_another_revision_is_no_home() -> None:
    elsewhere = pods(0, "a").named("a")
    assert take(pods(0, "b"), elsewhere) == "b"
    assert take(pods(0), elsewhere) is None


def test_of_two_random_pods_the_less_busy_one_is_taken() -> None:
    some = pods(0, "a", "b")
    busy = some.named("a")
    assert busy
    for _ in range(3):
        some.take(busy, random.random)
    both = iter([0.0, 0.9])
    pod = some.take(None, lambda: next(both))
    assert pod is some.named("b")


def test_what_is_gone_is_told_and_takes_no_more_but_ends_what_it_has() -> None:
    some = pods(0, "a", "b")
    gone = some.named("a")
    assert gone
    assert some.take(gone, random.random) is gone
    assert some.replace("echo-00001", found("b", "c")) == [gone]
    assert {take(some) for _ in range(50)} == {"b", "c"}
    some.release(gone)
    assert {take(some) for _ in range(50)} == {"b", "c"}
    assert len(some) == 2


def test_a_pod_at_another_address_is_another_pod() -> None:
    some = pods(1, "a")
    assert take(some) == "a"
    assert [each.name for each in some.replace("r", {"a": Target("moved", 8012)})] == ["a"]
    pod = some.take(None, random.random)
    assert pod
    assert pod.target.host == "moved"


@given(st.lists(st.tuples(st.sampled_from("tgrl"), st.integers(0, 3)), max_size=60))
def test_whatever_happens_no_pod_is_overfull_and_none_that_is_free_is_forgotten(
    steps: list[tuple[str, int]],
) -> None:
    some, names, held = pods(2, "0", "1"), {"0", "1"}, []
    for step, number in steps:
        if step == "t":
            pod = some.take(None, random.random)
            free = [
                name for name in names if (some.named(name) or Pod("", "", Target())).place >= 0
            ]
            assert pod is not None or not free
            held += [pod] if pod else []
        elif step == "g" and held:
            some.release(held.pop(number % len(held)))
        elif step == "r":
            names = {str(each) for each in range(number)}
            some.replace("r", found(*names))
        elif step == "l" and (lost := some.named(str(number))):
            some.lose(lost)
            names.discard(str(number))
        for name in names:
            each = some.named(name)
            assert each
            assert each.inflight <= 2
            assert (each.place >= 0) == (each.inflight < 2)


async def test_whoever_waits_hears_of_a_place_given_back_and_of_a_new_pod() -> None:
    some = pods(1, "a")
    first = some.take(None, random.random)
    assert first is not None
    waiting = asyncio.create_task(some.change())
    await asyncio.sleep(0)
    some.release(first)
    await waiting
    assert take(some) == "a"
    waiting = asyncio.create_task(some.change())
    await asyncio.sleep(0)
    some.replace("echo-00001", found("a", "b"))
    await waiting
    assert take(some) == "b"
