"""Timestamps, as RFC 3339 has them."""

from __future__ import annotations

import re
from datetime import datetime

_TIMESTAMP = re.compile(
    r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.\d+)?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)


# Any day but a 29th of February, and any second but a leap one.
_DAY = (
    "(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    "|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_PLAIN = re.compile(
    rf"[0-9]{{4}}-{_DAY}[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def is_timestamp(text: str) -> bool:
    """Whether it is a date-time (5.6) of a day that there is, and its leap
    second, if it names one, the last of a day in UTC."""
    return _PLAIN.fullmatch(text) is not None or _is_rare(text)


def to_seconds(text: str) -> float:
    """Since the epoch; a leap second is the one after it. Raises ValueError
    for what is no timestamp, or of a year 0."""
    if not is_timestamp(text):
        raise ValueError("not an RFC 3339 timestamp")
    text = text.upper()
    leap = text[17:19] == "60"
    plain = f"{text[:17]}59{text[19:]}" if leap else text
    return datetime.fromisoformat(plain).timestamp() + leap


def _is_rare(text: str) -> bool:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return False
    if match[3] > "28" and int(match[3]) > _days(int(match[1]), int(match[2])):
        return False
    return match[6] != "60" or _minute_of_day(match) == 23 * 60 + 59


def _days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _minute_of_day(match: re.Match[str]) -> int:
    offset = int(match[8] or 0) * 60 + int(match[9] or 0)
    here = int(match[4]) * 60 + int(match[5])
    return (here + offset if match[7] == "-" else here - offset) % (24 * 60)
