"""functions-framework --asgi. Its own @cloud_event answers "OK" whatever the
function returns, so the event goes in and out by the SDK that it brings."""

import functions_framework.aio
from cloudevents.http import from_http, to_binary
from starlette.responses import Response


@functions_framework.aio.http
async def echo(request):
    headers, body = to_binary(from_http(request.headers, await request.body()))
    return Response(body, headers=headers)
