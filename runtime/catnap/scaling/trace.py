"""Traces of arrivals: when which skill was called, and how long it worked."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from catnap.errors import InvalidRequest
from catnap.scaling.values import duration

COLUMNS = ("time", "skill", "duration")


@dataclass(frozen=True)
class Arrivals:
    """The calls of one skill in the order of their arrival; in seconds."""

    times: array[float] = field(default_factory=lambda: array("d"))
    durations: array[float] = field(default_factory=lambda: array("d"))


def read_trace(lines: Iterable[str], name: str) -> dict[str, Arrivals]:
    """Each skill's calls, out of CSV: time (seconds, or a date with its time),
    skill, duration (seconds, or with a unit). A heading may order the columns
    otherwise and name others, which are left out.

    Raises InvalidRequest naming the line and the column; where one time is a
    date and another is seconds, too.
    """
    rows = csv.reader(lines)
    found: dict[str, Arrivals] = {}
    places: tuple[int, int, int] | None = None
    dates, first = 0, 0
    try:
        for row in rows:
            if not row:
                continue
            if places is None:
                places, heading = _places(row)
                if heading:
                    continue
            at, skill, took = row[places[0]], row[places[1]], row[places[2]]
            arrivals = found.get(skill)
            if arrivals is None:
                if not (skill.strip() and skill.isprintable()):
                    raise ValueError(f"skill: {skill!r} is no name")
                arrivals = found[skill] = Arrivals()
            try:
                time, length = float(at), float(took)
            except ValueError:
                time, date = _moment(at)
                length = _length(took)
                if date:
                    dates, first = dates + 1, first or rows.line_num
            if not (abs(time) < 1e12 and 0 <= length < 1e9):
                raise ValueError(f"time {at}, duration {took} are out of all bounds")
            arrivals.times.append(time)
            arrivals.durations.append(length)
    except IndexError:
        raise InvalidRequest(
            f"{name} line {rows.line_num}: too few columns, needs {', '.join(COLUMNS)}"
        ) from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{name} is not UTF-8, in line {rows.line_num + 1} or later") from None
    except (ValueError, csv.Error) as error:
        raise InvalidRequest(f"{name} line {rows.line_num}: {error}") from None
    if 0 < dates < sum(len(each.times) for each in found.values()):
        raise InvalidRequest(
            f"{name} line {first}: time: a date, while on other lines it is seconds"
        )
    if not found:
        raise InvalidRequest(f"{name} has no calls: one a line, {', '.join(COLUMNS)}")
    return {skill: _in_order(found[skill]) for skill in sorted(found)}


def _places(row: list[str]) -> tuple[tuple[int, int, int], bool]:
    """Where the columns are, and whether this row says so."""
    names = [cell.strip().lower() for cell in row]
    if "time" not in names:
        return (0, 1, 2), False
    for column in COLUMNS:
        if column not in names:
            raise ValueError(f"the heading names no column {column!r}")
    return (names.index("time"), names.index("skill"), names.index("duration")), True


def _moment(text: str) -> tuple[float, bool]:
    """Seconds, and whether a date says which."""
    try:
        return float(text), False
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text.strip()).timestamp(), True
    except ValueError:
        raise ValueError(f"time: {text!r} is neither seconds nor a date with its time") from None


def _length(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return duration(text.strip())
    except ValueError as error:
        raise ValueError(f"duration: {error}") from None


def _in_order(arrivals: Arrivals) -> Arrivals:
    times = arrivals.times
    if all(times[at] <= times[at + 1] for at in range(len(times) - 1)):
        return arrivals
    order = sorted(range(len(times)), key=times.__getitem__)
    return Arrivals(
        array("d", (times[at] for at in order)),
        array("d", (arrivals.durations[at] for at in order)),
    )
