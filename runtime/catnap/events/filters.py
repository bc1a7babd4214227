"""Which events a trigger wants, in the dialects of CloudEvents Subscriptions.

Source: CloudEvents Subscriptions 1.0-rc, section 3.2.4, which Knative
Eventing's Trigger takes as `spec.filters`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catnap.errors import InvalidRequest
from catnap.events.attributes import check_name
from catnap.events.event import Event

Filter = Mapping[str, Any]
_ATTRIBUTES = ("exact", "prefix", "suffix")
_LISTS = ("all", "any")


def matches(filters: Sequence[Filter], event: Event) -> bool:
    """Whether every one of the filters holds. No filters: every event does."""
    return all(_holds(each, event) for each in filters)


def _holds(one: Filter, event: Event) -> bool:
    [(dialect, rule)] = one.items()
    if dialect == "all":
        return all(_holds(each, event) for each in rule)
    if dialect == "any":
        return any(_holds(each, event) for each in rule)
    if dialect == "not":
        return not _holds(rule, event)
    return all(_compare(dialect, event.attribute(name), want) for name, want in rule.items())


def _compare(dialect: str, value: str | None, want: str) -> bool:
    if value is None:
        return False
    if dialect == "prefix":
        return value.startswith(want)
    if dialect == "suffix":
        return value.endswith(want)
    return value == want


def check(one: object, where: str) -> None:
    """Raises InvalidRequest, naming the place, unless `one` is a filter."""
    if not isinstance(one, Mapping) or len(one) != 1:
        raise InvalidRequest(f"{where}: a filter is a table with exactly one dialect in it")
    [(dialect, rule)] = one.items()
    if dialect in _LISTS:
        if not isinstance(rule, Sequence) or isinstance(rule, str) or not rule:
            raise InvalidRequest(f"{where}.{dialect}: needs a list of filters")
        for index, each in enumerate(rule):
            check(each, f"{where}.{dialect}[{index}]")
    elif dialect == "not":
        check(rule, f"{where}.not")
    elif dialect in _ATTRIBUTES:
        if not isinstance(rule, Mapping) or not rule:
            raise InvalidRequest(f"{where}.{dialect}: needs attribute = value")
        for name, want in rule.items():
            try:
                check_name(name)
            except InvalidRequest as error:
                raise InvalidRequest(f"{where}.{dialect}: {error.message}") from None
            if not isinstance(want, str) or not want:
                raise InvalidRequest(f"{where}.{dialect}.{name}: needs a non-empty string")
    else:
        known = ", ".join((*_ATTRIBUTES, *_LISTS, "not"))
        raise InvalidRequest(f"{where}: {dialect!r} is no dialect; there are {known}")
