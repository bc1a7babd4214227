"""A CloudEvent 1.0, frozen."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event: the context attributes, and the data as bytes.

    Attribute values are kept in their canonical string form, whatever their
    CloudEvents type, so an event is written again exactly as it was read.
    `datacontenttype` says what `data` is; `data` None means there is none,
    which is not the same as empty. Source: CloudEvents 1.0.2, section 3.
    """

    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: Mapping[str, str] = {}
    data: bytes | None = None

    def attribute(self, name: str) -> str | None:
        """Any attribute by its name, extensions included; None if absent."""
        if name == "specversion":
            return "1.0"
        if name in OPTIONAL or name in REQUIRED:
            value: str | None = getattr(self, name)
            return value
        return self.extensions.get(name)

    def attributes(self) -> dict[str, str]:
        """Every attribute there is by its name, but `specversion`."""
        values = {"id": self.id, "source": self.source, "type": self.type}
        # One by one: a loop with getattr takes twice the time, for every event.
        if self.subject is not None:
            values["subject"] = self.subject
        if self.time is not None:
            values["time"] = self.time
        if self.datacontenttype is not None:
            values["datacontenttype"] = self.datacontenttype
        if self.dataschema is not None:
            values["dataschema"] = self.dataschema
        values.update(self.extensions)
        return values

    def extended(self, **attributes: str | None) -> Event:
        """The same event with extensions set, or removed where None."""
        merged = {**self.extensions, **attributes}
        return msgspec.structs.replace(
            self, extensions={k: v for k, v in merged.items() if v is not None}
        )


REQUIRED = ("id", "source", "type")
OPTIONAL = ("subject", "time", "datacontenttype", "dataschema")
CORE = frozenset(("specversion", *REQUIRED, *OPTIONAL))
"""Every attribute that CloudEvents itself defines."""
