"""The rules that context attributes keep, and the errors that name them.

Source: CloudEvents 1.0.2, sections 2 and 3.1.
"""

from __future__ import annotations

import re
from typing import NoReturn

from catnap.errors import InvalidRequest
from catnap.events.event import CORE, Event
from catnap.events.limits import MAX_NAME
from catnap.events.media_types import is_media_type
from catnap.events.timestamps import is_timestamp
from catnap.events.uris import is_absolute, is_reference

_NAME = re.compile(rf"[a-z0-9]{{1,{MAX_NAME}}}")
# Control characters, and code points that are no characters at all.
_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)


def event_of(values: dict[str, str], data: bytes | None) -> Event:
    """The event of all these attributes, whose names and characters have been
    checked; it keeps the dict. Raises InvalidRequest, which names the
    attribute that is missing or breaks a rule."""
    pop = values.pop
    try:
        check_version(pop("specversion"))
        event = Event(
            id=pop("id"),
            source=pop("source"),
            type=pop("type"),
            subject=pop("subject", None),
            time=pop("time", None),
            datacontenttype=pop("datacontenttype", None),
            dataschema=pop("dataschema", None),
            extensions=values,
            data=data,
        )
    except KeyError as missing:
        refuse(missing.args[0], "is missing")
    check_core(event)
    return event


def check(event: Event) -> None:
    """Raises InvalidRequest, naming the attribute, unless each one keeps all
    the rules."""
    for name in event.extensions:
        check_name(name)
    for name, value in event.attributes().items():
        check_text(name, value)
    check_core(event)


def check_version(version: str) -> None:
    if version != "1.0":
        refuse("specversion", f"must be '1.0', is {shown(version)}")


def check_core(event: Event) -> None:
    """The rules of the attributes that CloudEvents itself defines."""
    if not event.id:
        refuse("id", "is empty")
    if not event.type:
        refuse("type", "is empty")
    source = event.source
    if not (source and is_reference(source)):
        _refuse_value("source", source, "a non-empty URI reference")
    time = event.time
    if time is not None and not is_timestamp(time):
        _refuse_value("time", time, "an RFC 3339 timestamp")
    content_type = event.datacontenttype
    if content_type is not None and not is_media_type(content_type):
        _refuse_value("datacontenttype", content_type, "a media type such as application/json")
    if event.subject == "":
        refuse("subject", "is empty: leave it out where there is none")
    schema = event.dataschema
    if schema is not None and not is_absolute(schema):
        _refuse_value("dataschema", schema, "an absolute URI without a fragment")
    if not CORE.isdisjoint(event.extensions):
        refuse(min(CORE & event.extensions.keys()), "is no extension: an event has one of its own")


def check_name(name: str) -> None:
    """Attribute names are lower-case letters and digits; `data` is taken."""
    if not _NAME.fullmatch(name) or name == "data":
        raise InvalidRequest(
            f"CloudEvent attribute name {shown(name)}: "
            f"use 1 to {MAX_NAME} lower-case letters and digits"
        )


def check_text(name: str, value: str) -> None:
    """Values are text of the characters that CloudEvents allows."""
    found = forbidden(value)
    if found:
        refuse(name, f"holds the character U+{ord(found):04X}, which is not allowed")


def forbidden(text: str) -> str:
    """The first character in it that no attribute may hold; empty if none."""
    if text.isprintable():
        return ""  # none of them is
    found = _FORBIDDEN.search(text)
    return found[0] if found else ""


def refuse(name: str, why: str) -> NoReturn:
    """Raises InvalidRequest about an attribute."""
    raise InvalidRequest(f"CloudEvent attribute {shown(name)}: {why}")


def _refuse_value(name: str, value: str, rule: str) -> NoReturn:
    refuse(name, f"{shown(value)} is not {rule}")


def shown(text: str) -> str:
    """A sender's text as an error may name it, however long it is."""
    return repr(text if len(text) <= 80 else text[:77] + "...")
