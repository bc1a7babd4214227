from catnap import Context, skill
from tests.workspaces.keeper import generation, write


@skill
async def generations(ctx: Context) -> int:
    """Makes its folder one of the next generation."""
    number = generation(ctx.workspace) + 1
    write(ctx.workspace, number)
    return number
