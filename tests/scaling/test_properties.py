"""What always holds: over 20,000 random traces."""

from __future__ import annotations

import copy
import dataclasses
import math
import random

from hypothesis import given as hypothesis
from hypothesis import settings as effort
from hypothesis import strategies as st

from catnap.scaling import Observation, Settings, State, decide, from_values
from tests.scaling.literal import panics, wants
from tests.scaling.traces import any_trace, any_values, decisions

EXAMPLES, TRACES = 100, 200
"""One after the other Hypothesis would take minutes to draw them."""


@effort(max_examples=EXAMPLES, deadline=None)
@hypothesis(st.integers(0, 2**64))
def test_bounds_rates_panic_and_delay_hold_in_every_trace(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(TRACES):
        settings, seen = from_values(any_values(chance)), any_trace(chance)
        state, panicking = State(), False
        undelayed: list[tuple[float, int]] = []
        for observation in seen:
            after, decision = decide(settings, state, observation)
            _within_bounds(settings, decision.want)
            free = _without_bounds_and_delay(settings, state, observation)
            _within_rates(settings, observation, free, decision.panicking)
            if panicking and decision.panicking:
                assert free >= undelayed[-1][1], "fewer in panic"
            undelayed.append((observation.now, free))
            start = observation.now - settings.scale_down_delay
            for now, want in undelayed:
                if settings.scale_down_delay and now >= start + 2:
                    assert decision.want >= _bounded(settings, want), "fewer within the delay"
            state, panicking = after, decision.panicking


def _within_bounds(settings: Settings, want: int) -> None:
    assert want >= settings.min_scale
    assert not settings.max_scale or want <= settings.max_scale


def _within_rates(settings: Settings, seen: Observation, free: int, panicking: bool) -> None:
    ready = max(1, seen.ready)
    if not panicking:
        up = math.ceil(settings.max_scale_up_rate * ready)
        assert free <= max(up, settings.activation_scale), "more than the rate allows"
    if settings.reachable:
        assert free >= math.floor(ready / settings.max_scale_down_rate), "fewer than the rate"


def _without_bounds_and_delay(settings: Settings, state: State, seen: Observation) -> int:
    free = dataclasses.replace(settings, min_scale=0, max_scale=0, scale_down_delay=0.0)
    return decide(free, state, seen)[1].want


def _bounded(settings: Settings, want: int) -> int:
    return min(want, settings.max_scale) if settings.max_scale else want


@effort(max_examples=20, deadline=None)
@hypothesis(st.integers(0, 2**64))
def test_the_rules_read_a_second_time_say_the_same(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        settings, seen = from_values(any_values(chance)), any_trace(chance)
        found = decisions(settings, seen)
        assert [each.want for each in found] == wants(settings, seen)
        assert [each.panicking for each in found] == [
            panics(settings, seen[: n + 1]) for n in range(len(seen))
        ]


@effort(deadline=None)
@hypothesis(st.integers(0, 2**64))
def test_the_same_trace_is_decided_the_same_and_no_state_is_changed(seed: int) -> None:
    chance = random.Random(seed)
    settings, seen = from_values(any_values(chance)), any_trace(chance)
    state = State()
    for observation in seen:
        before = copy.deepcopy(state)
        first = decide(settings, state, observation)
        assert decide(settings, state, observation) == first
        assert state == before
        state = first[0]


@effort(deadline=None)
@hypothesis(st.integers(0, 2**64), st.floats(0, 1000))
def test_who_has_more_to_do_never_gets_fewer(seed: int, more: float) -> None:
    chance = random.Random(seed)
    settings, seen = from_values(any_values(chance)), any_trace(chance)
    state = State()
    for each in seen:
        after, decision = decide(settings, state, each)
        busier = Observation(each.now, each.stable + more, each.panic + more, each.ready)
        assert decide(settings, state, busier)[1].want >= decision.want
        state = after
