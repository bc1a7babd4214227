"""HTTP/1.1 over httptools: the server and the client that the host, the
gateway and a skill's Context share. No routing, no policy."""

from catnap.http.body import MAX_BODY, Body, too_large
from catnap.http.client import Client, ConnectionLost, NotAsked, Reply
from catnap.http.limits import Limits
from catnap.http.message import Request, Response
from catnap.http.server import Server
from catnap.http.target import Target

__all__ = [
    "MAX_BODY",
    "Body",
    "Client",
    "ConnectionLost",
    "Limits",
    "NotAsked",
    "Reply",
    "Request",
    "Response",
    "Server",
    "Target",
    "too_large",
]
