"""Functions as people write them for functions-framework."""

import hashlib
import io
import json
import os

import flask
import functions_framework
import functions_framework.aio
from starlette.responses import JSONResponse, RedirectResponse, StreamingResponse


@functions_framework.errorhandler(ZeroDivisionError)
def divided(error):
    return {"error": str(error)}, 418


@functions_framework.http
def mirror(request: flask.Request):
    """Whatever Flask knows of a request."""
    headers = {k: v for k, v in request.headers if k != "Function-Execution-Id"}
    data = request.get_data(parse_form_data=True)
    return {
        "method": request.method,
        "url": request.url,
        "base_url": request.base_url,
        "path": request.path,
        "full_path": request.full_path,
        "script_root": request.script_root,
        "secure": request.is_secure,
        "query": request.query_string.decode("latin-1"),
        "args": list(request.args.items(multi=True)),
        "form": list(request.form.items(multi=True)),
        "files": [
            (name, file.filename, file.content_type, file.read().decode("latin-1"))
            for name, file in request.files.items(multi=True)
        ],
        "cookies": dict(request.cookies),
        "headers": headers,
        "json": request.get_json(silent=True),
        "length": request.content_length,
        "mimetype": request.mimetype,
        "data": [len(data), hashlib.sha256(data).hexdigest()],
        "remote": request.remote_addr,
        "accepts": str(request.accept_mimetypes.best),
        "protocol": request.environ["SERVER_PROTOCOL"],
        "raw": request.environ["RAW_URI"],
        "environment": [os.environ.get(f"FUNCTION_{n}") for n in ("TARGET", "SIGNATURE_TYPE")],
        "service": os.environ.get("K_SERVICE"),
    }


@functions_framework.http
def answers(request: flask.Request):
    """One of everything that Flask takes for an answer."""
    match request.path:
        case "/text":
            return "tëxt"
        case "/bytes":
            return bytes(range(256))
        case "/dict":
            return {"a": [1, "ü"]}
        case "/list":
            return [1, 2]
        case "/status":
            return "made", 201
        case "/headers":
            return "", {"X-Two": ["a", "b"], "Content-Type": "text/csv"}
        case "/all":
            return ["gone"], 410, {"X-One": "1"}
        case "/response":
            response = flask.make_response("response", 202)
            response.set_cookie("a", "1", httponly=True)
            response.set_cookie("b", "2", max_age=60)
            return response
        case "/nothing":
            return "", 204
        case "/unchanged":
            return flask.Response(status=304, headers={"ETag": '"1"'})
        case "/redirect":
            return flask.redirect("/elsewhere?a=b", 303)
        case "/outside":
            return flask.redirect("https://example.test/ü")
        case "/abort":
            flask.abort(404, "not here")
        case "/aborted":
            flask.abort(flask.Response("mine", 409))
        case "/divide":
            return str(1 / 0)
        case "/file":
            return flask.send_file(
                io.BytesIO(b"0123456789"),
                mimetype="text/plain",
                conditional=True,
                etag="fixed",
                download_name="ten.txt",
            )
        case "/large":
            return "x" * 3_000_000
        case "/stream":
            return flask.Response((f"{n};" for n in range(3)), mimetype="text/event-stream")
        case "/context":
            return flask.stream_with_context(f"{request.path}{n};" for n in range(3))
        case "/length":
            return flask.Response((c for c in "abc"), headers={"Content-Length": "3"})
        case "/nostream":
            return flask.Response(iter(()))
        case "/wsgi":

            def application(environ, start_response):
                write = start_response("299 Mine", [("X-Path", environ["PATH_INFO"])])
                write(b"written, ")
                return [b"", b"given"]

            return application
        case "/none":
            return None
        case "/raise":
            raise ValueError("not handled")
    return flask.render_template_string("{{ request.path }} is unknown"), 404


def undecorated(request):
    return f"{request.method} {type(request).__module__} {sorted(request.headers.keys())}"


@functions_framework.cloud_event
def event(event):
    """Refuses by its data; tells what it has got in a header-free way."""
    if event.data == "raise":
        raise ValueError("not handled")
    if event.data == "abort":
        flask.abort(422, "unfit")
    described = {**event.get_attributes(), "data": event.data}
    described["data"] = repr(described["data"])
    flask.abort(flask.Response(json.dumps(described, sort_keys=True), 200))


@functions_framework.cloud_event
def quiet(event):
    return {"dropped": event["id"]}


class Pair:
    def __init__(self, a: int, b: int) -> None:
        self.a, self.b = a, b

    @staticmethod
    def from_dict(given: dict) -> "Pair":
        return Pair(given["a"], given["b"])

    def to_dict(self) -> dict:
        return {"sum": self.a + self.b}


@functions_framework.typed
def typed(pair: Pair) -> Pair | None:
    return None if pair.a == 0 else pair


@functions_framework.aio.http
async def aio(request):
    match request.url.path:
        case "/text":
            return "tëxt"
        case "/dict":
            return {"a": [1, "ü"]}
        case "/status":
            return {"made": 1}, 201
        case "/redirect":
            return RedirectResponse("/elsewhere")
        case "/stream":

            async def parts():
                for n in range(3):
                    yield f"{n};"

            return StreamingResponse(parts(), media_type="text/plain")
        case "/raise":
            raise ValueError("not handled")
    body = await request.body()
    return JSONResponse(
        {
            "method": request.method,
            "url": str(request.url),
            "path": request.url.path,
            "query": request.query_params.multi_items(),
            "headers": [h for h in request.headers.items() if h[0] != "function-execution-id"],
            "cookies": request.cookies,
            "body": [len(body), hashlib.sha256(body).hexdigest()],
        }
    )


@functions_framework.aio.cloud_event
async def aio_event(event):
    if event.data == "raise":
        raise ValueError("not handled")


def undecorated_event(event):
    assert event["id"] == "1"
