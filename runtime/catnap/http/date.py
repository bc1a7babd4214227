"""When an answer was made, as its header says it. Source: RFC 9110, section 5.6.7."""

from __future__ import annotations

import time

# `strftime` would speak the language of the process's locale.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write_date(now: float) -> bytes:
    """The field's line. now: seconds since the epoch."""
    at = time.gmtime(now)
    day, month = _DAYS[at.tm_wday], _MONTHS[at.tm_mon - 1]
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"date: {day}, {at.tm_mday:02} {month} {at.tm_year:04} {clock} GMT\r\n".encode()
