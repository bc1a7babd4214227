"""functions-framework, sync. Its own @cloud_event drops what the function
returns, so the event goes in and out by the SDK that it brings."""

import functions_framework
from cloudevents.http import from_http, to_binary


@functions_framework.http
def echo(request):
    headers, body = to_binary(from_http(request.headers, request.get_data()))
    return body, 200, headers
