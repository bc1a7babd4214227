"""The smallest skill: any JSON in, the same out."""

from typing import Any

from catnap import Context, skill


@skill
def echo(ctx: Context, request: Any) -> Any:
    return request
