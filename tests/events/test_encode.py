"""What is written: the forms of the binding, and nothing that is no event."""

from __future__ import annotations

import json

import pytest

from catnap.errors import InvalidRequest
from catnap.events import Event, to_batch, to_binary, to_structured
from catnap.events.encode import to_lines
from catnap.http.fields import write_fields

EVENT = Event(id="1", source="/s", type="t")


def written(**attributes: object) -> Event:
    return Event(**{"id": "1", "source": "/s", "type": "t", **attributes})


def test_the_binary_mode_percent_encodes_what_is_not_printable_ascii():
    event = written(subject='Euro € 😀"%', extensions={"x": "a", "empty": ""}, data=b"\xff")
    assert to_binary(event) == (
        [
            (b"ce-specversion", b"1.0"),
            (b"ce-id", b"1"),
            (b"ce-source", b"/s"),
            (b"ce-type", b"t"),
            (b"ce-subject", b"Euro%20%E2%82%AC%20%F0%9F%98%80%22%25"),
            (b"ce-x", b"a"),
            (b"ce-empty", b""),
        ],
        b"\xff",
    )


@pytest.mark.parametrize(
    ("content_type", "data", "members"),
    [
        ("application/json", b'{"a":1}', {"data": {"a": 1}}),
        ("application/json", b"null", {"data": None}),
        ("text/plain", b"text", {"data_base64": "dGV4dA=="}),
        (None, b"{}", {"data_base64": "e30="}),
        (None, None, {}),
    ],
)
def test_an_envelope_holds_json_as_it_is_and_all_else_as_base64(content_type, data, members):
    headers, body = to_structured(written(datacontenttype=content_type, data=data))
    assert headers == [(b"content-type", b"application/cloudevents+json")]
    core = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
    kind = {"datacontenttype": content_type} if content_type else {}
    assert json.loads(body) == {**core, **kind, **members}


def test_a_batch_is_an_array_and_may_be_empty():
    assert to_batch([]) == ([(b"content-type", b"application/cloudevents-batch+json")], b"[]")
    assert [each["id"] for each in json.loads(to_batch([EVENT, written(id="2")])[1])] == ["1", "2"]


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"time": "2026-01-31T12:00:00Z", "datacontenttype": 'text/plain; charset="utf-8"'},
        *({"subject": f"a{character}b"} for character in ' "%~!é€\U0001f600'),
        {"dataschema": "a:b", "extensions": {"x": "%s", "empty": ""}},
    ],
)
def test_the_lines_are_those_of_the_headers(attributes):
    event = written(**attributes, data=b"x")
    headers, body = to_binary(event)
    assert to_lines(event) == (write_fields(headers), body)


@pytest.mark.parametrize(
    "write", [to_binary, to_lines, to_structured, lambda event: to_batch([event])]
)
@pytest.mark.parametrize(
    ("broken", "names"),
    [
        ({"id": ""}, "'id'"),
        ({"type": "a\r\nb"}, "'type'"),
        ({"source": "a b"}, "'source'"),
        ({"subject": "\ud800"}, "'subject'"),
        ({"time": "now"}, "'time'"),
        ({"datacontenttype": "json"}, "'datacontenttype'"),
        ({"datacontenttype": "a/b\r\nx: y"}, "'datacontenttype'"),
        ({"extensions": {"Upper": "x"}}, "'Upper'"),
        ({"extensions": {"data": "x"}}, "'data'"),
        ({"extensions": {"id": "x"}}, "'id'"),
        ({"extensions": {"specversion": "0.3"}}, "'specversion'"),
        ({"extensions": {"x": "\x00"}}, "'x'"),
    ],
)
def test_what_is_no_event_is_not_written(write, broken, names):
    with pytest.raises(InvalidRequest, match=names):
        write(written(**broken))
