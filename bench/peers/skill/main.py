"""An async skill with a typed payload, checked field by field, that answers with an event."""

import msgspec

from catnap import Context, Event, skill


class Reading(msgspec.Struct):
    """What a sensor says."""

    sensor: str
    sequence: int
    celsius: float
    tags: list[str]


@skill
async def echo(ctx: Context, reading: Reading) -> Event:
    return msgspec.structs.replace(ctx.event, data=msgspec.json.encode(reading))
