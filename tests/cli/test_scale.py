"""catnap scale."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.scaling.annotations import KEYS
from tests.cli.conftest import Cli, Outcome

SETTINGS = {"settings": {"container-concurrency": 10, "max-scale": 20, "window": "30s"}}
SEEN = {"t": 0, "stable": 3.5, "panic": 35, "ready": 1}
DECIDED = {"t": 0, "want": 5, "panicking": True, "excess_burst_capacity": -236}


@pytest.fixture
def decide(alone: Cli, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`catnap scale decide` with these lines on its stdin."""

    def call(*lines: object, options: tuple[str, ...] = (), end: bytes = b"\n") -> Outcome:
        encoded = [x if isinstance(x, bytes) else msgspec.json.encode(x) for x in lines]
        source = io.TextIOWrapper(io.BytesIO(b"\n".join(encoded) + end))
        monkeypatch.setattr(sys, "stdin", source)
        return alone("scale", "decide", *options)

    return call


def answers(done: Outcome) -> list[Any]:
    return [msgspec.json.decode(line) for line in done.out.splitlines()]


def test_each_observation_is_answered_by_a_decision(decide: Any) -> None:
    done = decide(SETTINGS, SEEN, {"t": 2.5, "stable": 9, "panic": 60, "ready": 5})
    assert (done.status, done.err) == (0, "")
    assert answers(done) == [
        DECIDED,
        {"t": 2.5, "want": 9, "panicking": True, "excess_burst_capacity": -221},
    ]
    assert done.out.startswith('{"t":0,"want":5,"panicking":true,"excess_burst_capacity":-236}\n')


def test_settings_start_a_trace_with_a_new_autoscaler(decide: Any) -> None:
    calm = {"t": 0, "stable": 7, "panic": 7, "ready": 1}
    done = decide(SETTINGS, SEEN, SETTINGS, calm, {"settings": {}}, {**calm, "t": -5})
    assert [(each["want"], each["panicking"]) for each in answers(done)] == [
        (5, True),
        (1, False),
        (1, False),
    ]


def test_a_number_that_no_setting_has_is_not_taken_for_bad_json(decide: Any) -> None:
    done = decide(b'{"settings": {"max-scale": %s}}' % (b"9" * 5000))
    assert done.status == 2
    assert "line 1" in done.err
    assert "out of range" in done.err
    assert "is not JSON" not in done.err


def test_the_rule_that_decided_is_told_where_it_is_asked_for(decide: Any) -> None:
    [answer] = answers(decide(SETTINGS, SEEN, options=("--why",)))
    assert answer == {**DECIDED, "why": "panic average"}


def test_the_last_line_needs_no_end_and_empty_lines_do_not_count(decide: Any) -> None:
    assert answers(decide(b"", SETTINGS, b"  ", SEEN, end=b"")) == [DECIDED]


def test_lines_that_a_read_cuts_apart_are_put_together(decide: Any) -> None:
    seen = [{**SEEN, "t": now} for now in range(20_000)]
    found = answers(decide(SETTINGS, *seen))
    assert [each["t"] for each in found] == list(range(20_000))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"settings": {"targt": 3}}, "line 3: targt: unknown, did you mean 'target'?"),
        ({"settings": {"window": "5s"}}, "line 3: window: 5s is not from 6s to 3600s"),
        ({"settings": 5}, "line 3: settings: Expected `object`"),
        ({"setings": {}}, "line 3: setings: unknown, did you mean 'settings'?"),
        ({**SEEN, "panik": 3}, "line 3: panik: unknown, did you mean 'panic'?"),
        ({**SEEN, "ready": -1}, "line 3: ready: Expected `int` >= 0"),
        ({**SEEN, "ready": 1.5}, "line 3: ready: "),
        ({**SEEN, "stable": "much"}, "line 3: stable: Expected `float`"),
        ({**SEEN, "t": -1}, "line 3: t: -1 is before the 0 of the line before"),
        ({"t": 1, "stable": 1, "panic": 1}, "line 3: ready: missing in an observation"),
        ({**SEEN, **SETTINGS}, "line 3: t: is not for a line of settings"),
        (b"{", "line 3: is not JSON"),
        (b'"\xff"', "line 3: is not JSON"),
        (b"[]", "line 3: is not a JSON object"),
        (b'{"t": 1e400, "stable": 0, "panic": 0, "ready": 0}', "line 3: "),
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_key_after_the_answers_before(
    decide: Any, line: object, told: str
) -> None:
    done = decide(SETTINGS, SEEN, line, SEEN)
    assert done.status == 2
    assert answers(done) == [DECIDED]
    assert done.err.startswith(f"catnap: {told}")
    assert len(done.err.splitlines()) == 1


def test_an_observation_needs_settings_before_it(decide: Any) -> None:
    done = decide(SEEN)
    assert (done.status, done.out) == (2, "")
    assert "line 1: settings: there are none yet" in done.err


def test_who_waits_for_an_answer_gets_it_at_once() -> None:
    command = [sys.executable, "-c", "import catnap.cli; catnap.cli.main()", "scale", "decide"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(msgspec.json.encode(SETTINGS) + b"\n")
        for _ in range(3):
            process.stdin.write(msgspec.json.encode(SEEN) + b"\n")
            process.stdin.flush()
            assert msgspec.json.decode(process.stdout.readline()) == DECIDED
        process.stdin.close()
        assert process.wait() == 0


# --- simulate --------------------------------------------------------------------


@pytest.fixture
def trace(alone: Cli, tmp_path: Path) -> Path:
    path = tmp_path / "calls.csv"
    path.write_text("time,skill,duration\n0,echo,0.5\n0.5,echo,0.5\n40,echo,100ms\n50,search,2\n")
    return path


def test_a_trace_is_told_as_a_table_with_all_skills(alone: Cli, trace: Path) -> None:
    done = alone("scale", "simulate", "calls.csv")
    assert done.status == 0
    head, echo, search, every = done.out.splitlines()
    assert head.split()[:3] == ["skill", "calls", "cold"]
    assert echo.split()[:3] == ["echo", "3", "66.67%"]
    assert search.split()[:3] == ["search", "1", "100.00%"]
    assert every.split()[:3] == ["all", "4", "75.00%"]


def test_json_has_all_there_is(alone: Cli, trace: Path) -> None:
    found = alone("scale", "simulate", "calls.csv", "--json").json
    assert list(found) == ["begin", "end", "total", "skills"]
    assert list(found["skills"]) == ["echo", "search"]
    total = found["total"]
    assert (total["calls"], total["cold"], total["cold_share"], total["starts"]) == (4, 3, 0.75, 2)
    assert total["wait_p50"] == 0.7
    assert total["wait_max"] == pytest.approx(1.2)
    assert total["idle_memory_seconds"] == pytest.approx(total["idle_seconds"] * 128)


def test_every_setting_is_an_option_and_the_world_too(alone: Cli, trace: Path) -> None:
    simulate = ("scale", "simulate", "calls.csv", "--json")
    warm = alone(*simulate, "--min-scale", "1", "--container-concurrency", "1").json["total"]
    assert (warm["cold"], warm["starts"]) == (0, 0)
    quick = alone(*simulate, "--cold-start", "25ms", "--memory", "64").json["total"]
    assert quick["wait_max"] == 0.025
    assert quick["idle_memory_seconds"] == pytest.approx(quick["idle_seconds"] * 64)
    full = alone(*simulate, "--queue", "0").json["total"]
    assert full["refused"] == full["calls"] == 4


def test_no_setting_lacks_an_option(alone: Cli) -> None:
    shown = alone("scale", "simulate", "--help").out
    assert [key for key in KEYS if f"  --{key} TEXT" not in shown] == ["initial-scale"]


def test_settings_are_compared_with_others(alone: Cli, trace: Path) -> None:
    others = ("--compare", "min-scale=1", "--compare", "min-scale=2,window=2m")
    found = alone("scale", "simulate", "calls.csv", *others, "--json").json
    assert [each["settings"] for each in found] == [
        "as given",
        "min-scale=1",
        "min-scale=2,window=2m",
    ]
    assert [each["total"]["cold"] for each in found] == [3, 0, 0]
    shown = alone("scale", "simulate", "calls.csv", *others).out.splitlines()
    assert len(shown) == 1 + 3 * 3
    assert shown[4].startswith("min-scale=1 ")


def test_a_trace_may_come_on_stdin(
    alone: Cli, trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trace.open() as source:
        monkeypatch.setattr(sys, "stdin", source)
        assert alone("scale", "simulate", "-", "--json").json["total"]["calls"] == 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("calls.csv", "--window", "5s"), "window: 5s is not from 6s to 3600s"),
        (("calls.csv", "--compare", "min-scal=1"), "min-scal: unknown, did you mean 'min-scale'?"),
        (("calls.csv", "--compare", "min-scale"), "min-scale: needs a value"),
        (("calls.csv", "--compare", "initial-scale=2"), "initial-scale: a trace begins when"),
        (("calls.csv", "--plot", "calls.pdf"), "must end in .png or .svg"),
        (("none.csv",), "none.csv"),
        (("bad.csv",), "bad.csv line 2: duration: 'long'"),
        (("binary.csv",), "binary.csv is not UTF-8, in line 1 or later"),
        (("calls.csv", "--memory", "-5"), "-5 is not from 0 to 1e+12"),
        (("calls.csv", "--memory", "0"), "0 is not from 0"),
        (("calls.csv", "--memory", "nan"), "'nan' is not a number"),
        (("calls.csv", "--memory", "1e400"), "1e400 is not a finite number"),
    ],
)
def test_what_cannot_be_is_told(
    alone: Cli, trace: Path, arguments: tuple[str, ...], told: str
) -> None:
    (trace.parent / "bad.csv").write_text("0,a,1\n0,a,long\n")
    (trace.parent / "binary.csv").write_bytes(b"0,\xff,1\n")
    done = alone("scale", "simulate", *arguments)
    assert (done.status, done.out) == (2, "")
    assert told in done.err


def test_a_picture_without_matplotlib_is_refused_with_what_to_install(
    alone: Cli, trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    monkeypatch.delitem(sys.modules, "catnap.cli.scale_plot", raising=False)
    done = alone("scale", "simulate", "calls.csv", "--plot", "calls.svg")
    assert (done.status, done.out) == (2, "")
    assert "pip install 'catnap-functions[plot]'" in done.err


@pytest.mark.parametrize(("name", "start"), [("calls.png", b"\x89PNG"), ("calls.svg", b"<?xml")])
def test_a_picture_is_drawn(alone: Cli, trace: Path, name: str, start: bytes) -> None:
    pytest.importorskip("matplotlib")
    done = alone("scale", "simulate", "calls.csv", "--compare", "min-scale=1", "--plot", name)
    assert done.status == 0, done.err
    assert (trace.parent / name).read_bytes().startswith(start)
