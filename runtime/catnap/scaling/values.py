"""The values of settings: a number or the text that an annotation has.

Every reader gives the value or raises ValueError saying what is wrong with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_UNITS = {
    "h": Decimal(3600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("1e-3"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ns": Decimal("1e-9"),
}
MOST = 2**31 - 1
"""Of a count: Knative keeps counts in 32 bits."""


def number(
    low: float, high: float = math.inf, *, above: bool = False, also: float | None = None
) -> Callable[[object], float]:
    """Of a number from `low` (or, with `above`, over it) to `high`; `also` is
    allowed besides."""

    def read(value: object) -> float:
        found = _number(value)
        if found == also or ((low < found if above else low <= found) and found <= high):
            return found
        if high < math.inf:
            raise ValueError(f"{value} is not from {low:g} to {high:g}")
        apart = "" if also is None else f" or {also:g}"
        raise ValueError(f"{value} is not {'more than' if above else 'at least'} {low:g}{apart}")

    return read


def count(low: int, high: int = MOST) -> Callable[[object], int]:
    """Of a whole number from `low` to `high`."""

    def read(value: object) -> int:
        found = _number(value)
        if not found.is_integer() or (isinstance(value, str) and not value.lstrip("+-").isdigit()):
            raise ValueError(f"{value} is not a whole number")
        if not low <= found <= high:
            bounds = f"from {low} to {high}"
            if high == MOST:
                bounds = f"at least {low}" if found < low else f"at most {high}"
            raise ValueError(f"{value} is not {bounds}")
        return int(found)

    return read


def seconds(low: float, high: float, *, whole: bool = False) -> Callable[[object], float]:
    """Of a length of time as Go writes it, `1m30s`, or a number of seconds."""

    def read(value: object) -> float:
        found = duration(value) if isinstance(value, str) else _number(value)
        if not low <= found <= high:
            raise ValueError(f"{value} is not from {low:g}s to {high:g}s")
        if whole and not found.is_integer():
            raise ValueError(f"{value} is more precise than a second")
        return found

    return read


def duration(text: str) -> float:
    """Seconds of a Go duration. Source: Go, time.ParseDuration."""
    if text == "0":
        return 0.0
    total, end = Decimal(0), 0
    while part := _PART.match(text, end):
        total += Decimal(part[1]) * _UNITS[part[2]]
        end = part.end()
    if not text or end != len(text):
        raise ValueError(f"{text!r} is no length of time such as 90s or 1m30s")
    return float(total)


def flag(value: object) -> bool:
    if value in (True, False, "true", "false"):
        return value in (True, "true")
    raise ValueError(f"{value!r} is neither true nor false")


def one_of(*names: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        raise ValueError(f"{value!r} is none of {', '.join(names)}")

    return read


def _number(value: object) -> float:
    text = isinstance(value, str) and _NUMBER.fullmatch(value)
    if not text and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"{value!r} is not a number")
    found = float(value)  # type: ignore[arg-type]
    if not math.isfinite(found):
        raise ValueError(f"{value} is not a finite number")
    return found
