"""Answers on stdout what is asked on stdin, one line of JSON each."""

import asyncio
import inspect
import json
import sys
import traceback


def serve(functions):
    """functions: by name. Those that are async run in one event loop."""
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            try:
                found = functions[name](*arguments)
                if inspect.isawaitable(found):
                    found = runner.run(finish(found))
                answer = {"answer": found}
            except Exception:
                answer = {"raised": traceback.format_exc()}
            print(json.dumps(answer), flush=True)


async def finish(awaitable):
    return await awaitable
