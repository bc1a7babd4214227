"""CloudEvents 1.0: frozen events and the codec between them and bytes.

Sans-IO: nothing here opens a socket, reads a clock or makes an id.
"""

from catnap.events.decode import decode, decode_batch
from catnap.events.encode import to_batch, to_binary, to_structured
from catnap.events.event import Event
from catnap.events.filters import matches

__all__ = [
    "Event",
    "decode",
    "decode_batch",
    "matches",
    "to_batch",
    "to_binary",
    "to_structured",
]
