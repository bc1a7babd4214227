"""What an apply would change. Pure.

Compared is what the server says the object would be (a dry run) with what it
is, so that defaults, and numbers written in another way, make no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "absent"})()
"""The old value of what is added, and the new one of what is removed."""

_SERVER = {
    "metadata.creationTimestamp",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.resourceVersion",
    "metadata.uid",
    "status",
    # Who wrote last is no change by itself.
    "metadata.annotations.serving.knative.dev/creator",
    "metadata.annotations.serving.knative.dev/lastModifier",
    "metadata.annotations.eventing.knative.dev/creator",
    "metadata.annotations.eventing.knative.dev/lastModifier",
}
"""What the server writes by itself."""

_SECRET = ("data.", "stringData.")


@dataclass(frozen=True, slots=True)
class Change:
    """One field. path: as `spec.template.spec.containers[gateway].image`."""

    path: str
    old: Any
    new: Any


def changes(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Change, ...]:
    """The fields that differ, in the order of the wanted object; values of
    Secrets are not among what is told of them."""
    found = tuple(_differ("", live, wanted))
    if wanted.get("kind") != "Secret":
        return found
    return tuple(
        Change(each.path, _hidden(each.old), _hidden(each.new))
        if each.path.startswith(_SECRET)
        else each
        for each in found
    )


def _hidden(value: Any) -> Any:
    return value if value is ABSENT else "(secret)"


def _differ(path: str, old: Any, new: Any) -> Iterator[Change]:
    if path in _SERVER or old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in (*new, *(key for key in old if key not in new)):
            place = f"{path}.{key}" if path else key
            yield from _differ(place, old.get(key, ABSENT), new.get(key, ABSENT))
    elif (named := _by_name(old)) is not None and (others := _by_name(new)) is not None:
        if list(named) != list(others) and named.keys() == others.keys():
            yield Change(f"{path}[order]", list(named), list(others))
        for name in (*others, *(name for name in named if name not in others)):
            place = f"{path}[{name}]"
            yield from _differ(place, named.get(name, ABSENT), others.get(name, ABSENT))
    else:
        yield Change(path, old, new)


def _by_name(value: Any) -> dict[str, Any] | None:
    """A list whose items have names of their own, by these."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    if not all(isinstance(each, Mapping) and "name" in each for each in value):
        return None
    named = {str(each["name"]): each for each in value}
    return named if len(named) == len(value) else None
