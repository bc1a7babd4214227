"""What an event may measure here, beyond what CloudEvents itself says.

In the binary mode attributes are headers, and the HTTP server limits those; in
every mode it limits the body. What these limits refuse is InvalidRequest, but
PayloadTooLarge where a batch can be sent in parts.
"""

MAX_NAME = 64
"""Characters of an attribute's name. CloudEvents advises 20."""

MAX_ATTRIBUTES = 64
"""Attributes of an event, `specversion` not counted."""

MAX_ATTRIBUTE_BYTES = 48 * 1024
"""Bytes of an event's attribute values together, written as HTTP headers, so
that they fit the 64 KiB of a request's head beside what is added on the way."""

MAX_BATCH_EVENTS = 1_000

MAX_BATCH_BYTES = 1024 * 1024
"""Of the body that holds them all. It is taken apart in one go, while nothing
else is done; what is larger is sent alone."""
