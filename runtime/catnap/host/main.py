"""`catnap host FOLDER`, or `python -m catnap.host FOLDER`: one skill as a server.

Exit status: 0 after SIGTERM, 1 where the skill cannot be loaded or the
address is taken, 2 where the arguments are wrong.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence

import msgspec

from catnap.errors import CatnapError, InvalidRequest
from catnap.host import output
from catnap.host.instance import Listening, run
from catnap.host.loader import load
from catnap.host.settings import read_settings

USAGE = "usage: catnap host FOLDER [--port N] [--host ADDRESS] [--socket PATH]"
HELP = """\
Usage: catnap host FOLDER [OPTIONS]

  Serves the skill in FOLDER by itself, without the platform: what a container
  runs, and how to try a skill on its own. Says `ready` once it answers.

  catnap host functions/echo --port 8001
  curl 127.0.0.1:8001 --json '{"hello": "world"}'

  Each request is one call: JSON, or a CloudEvent. Files, models and other
  skills are the gateway's; without one, a skill that asks for them fails.

  A function written for functions-framework runs as it stands, without a
  skill.toml too: then with ten calls at once, of up to 5 minutes.

  FUNCTION_TARGET=hello catnap host my-function

Options:
  --port N        TCP port. Default: PORT, else 8080; 0 takes a free one.
  --host ADDRESS  Address to listen on. Default: 127.0.0.1, or 0.0.0.0 where
                  Knative runs it.
  --socket PATH   A Unix socket instead.
  -h, --help      Show this message and exit.

Environment, as functions-framework reads it. What skill.toml says counts
first, and before that the function's decorator:
  FUNCTION_TARGET          The function's name.
  FUNCTION_SOURCE          Its file, where there is no skill.toml. Default:
                           main.py.
  FUNCTION_SIGNATURE_TYPE  http, cloudevent or typed. Default: http.
  FUNCTION_USE_ASGI        true: it takes Starlette's request, not Flask's.

Exit status: 0 after SIGTERM or SIGINT, 1 the skill cannot be loaded or the
address is taken, 2 the command was wrong.
"""


class Arguments(msgspec.Struct, frozen=True):
    folder: str
    host: str
    port: int
    socket: str = ""


def main(argv: Sequence[str]) -> int:
    """Serves until SIGTERM; gives the exit status."""
    if {"-h", "--help"} & set(argv):
        sys.stdout.write(HELP)
        return 0
    try:
        arguments = parse(argv, os.environ)
        settings = read_settings(os.environ)
    except InvalidRequest as error:
        return _fail(error.message, 2)
    if settings.json_log:
        from catnap.host.redirect import redirect  # 1 ms, where output is records

        redirect(_redaction(settings.secrets))
    else:
        output.by_lines(sys.stdout)
    try:
        sock = _listen(arguments)
    except OSError as error:
        where = arguments.socket or f"{arguments.host}:{arguments.port}"
        return _fail(f"cannot listen on {where}: {error.strerror or error}", 1)
    try:
        loaded = load(arguments.folder, settings.concurrency)
        gc.freeze()  # all of this stays: no collection need look at it again
        gc.enable()
        # Behind Knative the answers to those who waited for it say so, and
        # nobody looks whether it is stuck.
        knative = "K_SERVICE" in os.environ
        run(loaded, settings, sock, _tell, tell_start=not knative, watched=not knative)
    except CatnapError as error:
        return _fail(error.message, 1)
    finally:
        if arguments.socket:
            _unlink(arguments.socket)
    return 0


def parse(argv: Sequence[str], env: Mapping[str, str]) -> Arguments:
    """argparse would cost every cold start 6 ms for these three options.

    Raises InvalidRequest with the usage.
    """
    options = {
        "--port": env.get("PORT", "8080"),
        "--host": "0.0.0.0" if "K_SERVICE" in env else "127.0.0.1",  # noqa: S104 - as Knative asks
        "--socket": "",
    }
    folders: list[str] = []
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if name in options:
            options[name] = value if equals else next(words, "")
            if not options[name]:
                raise InvalidRequest(f"{name} needs a value; {USAGE}")
        elif word.startswith("-"):
            raise InvalidRequest(f"{word} is not known; {USAGE}")
        else:
            folders.append(word)
    if len(folders) != 1:
        raise InvalidRequest(USAGE)
    port = options["--port"]
    if not port.isdecimal() or int(port) > 65535:
        raise InvalidRequest(f"port {port!r}: must be a number from 0 to 65535")
    path = os.path.realpath(options["--socket"]) if options["--socket"] else ""
    return Arguments(folders[0], options["--host"], int(port), path)


def _listen(arguments: Arguments) -> socket.socket:
    if arguments.socket:
        _unlink(arguments.socket)
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(arguments.socket)
        return sock
    family = socket.AF_INET6 if ":" in arguments.host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((arguments.host, arguments.port))
    return sock


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _redaction(place: str) -> Callable[[bytes], bytes]:
    """Of the secrets that are mounted, which nobody else knows where a cluster
    keeps the output."""
    if not os.path.isdir(place):
        return bytes
    from catnap.skills.redaction import Renewed
    from catnap.skills.secrets import mounted

    return Renewed(place, mounted)


def _tell(listening: Listening) -> None:
    took = listening.import_ms + listening.init_ms
    sys.stdout.write(f"ready on {listening.address} in {took:.1f} ms\n")


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"catnap host: {message}\n")
    return status
