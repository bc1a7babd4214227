"""Bodies that come compressed are read within the limit of those that do not."""

from __future__ import annotations

import gzip
import zlib

import pytest

from catnap.errors import CatnapError, InvalidRequest, PayloadTooLarge
from catnap.gateway import compressed
from catnap.http import Request
from catnap.http.errors import UnsupportedMediaType

TEXT = b"tensors " * 100


def request(form: str, body: bytes) -> Request:
    headers = {b"content-encoding": form.encode()} if form else {}
    made = Request("POST", "/v2/models/m/infer", headers)
    made.body.feed(body)
    made.body.finish()
    return made


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("GZIP", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
    ],
)
async def test_a_body_is_what_it_was_before_it_was_compressed(form: str, body: bytes) -> None:
    assert await compressed.read(request(form, body), len(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("form", "body", "kind"),
    [
        ("gzip", gzip.compress(bytes(1 << 26)), PayloadTooLarge),
        ("gzip", gzip.compress(TEXT)[:-1], InvalidRequest),
        ("gzip", gzip.compress(TEXT) + b"more", InvalidRequest),
        ("gzip", TEXT, InvalidRequest),
        ("deflate", gzip.compress(TEXT), InvalidRequest),
        ("br", TEXT, UnsupportedMediaType),
        ("gzip, gzip", TEXT, UnsupportedMediaType),
    ],
)
async def test_what_is_more_than_the_limit_or_of_another_form_is_refused(
    form: str, body: bytes, kind: type[CatnapError]
) -> None:
    with pytest.raises(kind):
        await compressed.read(request(form, body), 100_000)
