"""Which of several forms a client wants. Source: RFC 9110, section 12.5.1."""

from __future__ import annotations

from collections.abc import Sequence


def choose(accept: str, offers: Sequence[str]) -> str:
    """The best of the media types on offer, which come in our order of preference.

    Among those with the highest weight, one that is named goes before one that
    a wildcard covers. Where nothing on offer is acceptable it is the first, as
    the RFC allows: an answer in another form, which says so itself, is of more
    use than none.
    """
    if not accept or accept == "*/*":
        return offers[0]
    ranges = [parsed for part in accept.lower().split(",") if (parsed := _parse(part))]
    ranked = [(_rank(offer, ranges), -index) for index, offer in enumerate(offers)]
    return offers[-max(ranked)[1]]


def _parse(text: str) -> tuple[str, str, float] | None:
    """Type, subtype and weight; None for what is no media range."""
    media, *parameters = text.split(";")
    kind, _, subtype = media.strip().partition("/")
    if not kind or not subtype or "/" in subtype or " " in media.strip():
        return None
    weight = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return None
    return (kind, subtype, weight) if 0 <= weight <= 1 else None


def _rank(offer: str, ranges: Sequence[tuple[str, str, float]]) -> tuple[float, int]:
    """Weight and precision of the most precise range that covers it."""
    kind, _, subtype = offer.partition("/")
    best = (-1, 0.0)
    for range_kind, range_subtype, weight in ranges:
        if range_kind in (kind, "*") and range_subtype in (subtype, "*"):
            precision = (range_kind != "*") + (range_subtype != "*")
            best = max(best, (precision, weight))
    precision, weight = best
    return (weight, precision) if weight else (0.0, -1)
