"""An async skill with a typed payload, which is checked field by field."""

import msgspec

from catnap import Context, skill


class Reading(msgspec.Struct):
    """What a sensor says."""

    sensor: str
    sequence: int
    celsius: float
    tags: list[str]


@skill
async def echo(ctx: Context, reading: Reading) -> Reading:
    return reading
