"""The yardstick: bytes and headers go back as they came, nothing is looked at."""


async def app(scope, receive, send):
    body = b""
    more = True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if name.startswith(b"ce-") or name == b"content-type"
    ]
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
