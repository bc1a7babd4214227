"""Knative's middleware for Python functions: decodes the event, sends it back."""

import logging

from func_python.cloudevent import serve

logging.disable()


async def handle(scope, receive, send):
    await send.binary(scope["event"])


serve(handle)
