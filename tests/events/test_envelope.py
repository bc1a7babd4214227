"""Envelopes: what their members are read as, and which are refused."""

from __future__ import annotations

import tracemalloc

import msgspec
import pytest

from catnap.errors import InvalidRequest
from catnap.events import Event, decode
from catnap.events.header_text import check_size

STRUCTURED = {b"content-type": b"application/cloudevents+json; charset=UTF-8"}
ENVELOPE = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def structured(**members: object) -> Event:
    return decode(STRUCTURED, msgspec.json.encode({**ENVELOPE, **members}))


@pytest.mark.parametrize(
    ("members", "data"),
    [
        ({}, None),
        ({"data_base64": None}, None),
        ({"data": None}, b"null"),
        ({"data": 1.50, "data_base64": None}, b"1.5"),
        ({"data_base64": "AP8="}, b"\x00\xff"),
        ({"data_base64": ""}, b""),
        ({"data": "text", "datacontenttype": "text/plain"}, b"text"),
        ({"data": "", "datacontenttype": "text/plain"}, b""),
        ({"data": "é", "datacontenttype": "text/plain; charset=UTF-8"}, "é".encode()),
        ({"data": "é", "datacontenttype": 'text/plain;charset="iso-8859-1"'}, b"\xe9"),
        ({"data": "é", "datacontenttype": "application/json;charset=utf-16"}, '"é"'.encode()),
        ({"data": "text", "datacontenttype": "application/x+json"}, b'"text"'),
    ],
)
def test_data_of_a_structured_event(members, data):
    assert structured(**members).data == data


def test_what_is_mapped_into_headers_beside_an_envelope_is_not_read():
    headers = {**STRUCTURED, b"ce-id": b"another", b"ce-specversion": b"0.3"}
    assert decode(headers, msgspec.json.encode(ENVELOPE)) == structured()


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"", "one JSON object"),
        (b"\xef\xbb\xbf{}", "one JSON object"),
        (b"{}\0", "one JSON object"),
        (b'{"id":NaN}', "one JSON object"),
        (b'{"id":"a\tb"}', "one JSON object"),
        (b"[]", "one JSON object"),
        (b"{", "one JSON object"),
        (b"{} {}", "one JSON object"),
        (b'{"id":"\xff"}', "one JSON object"),
        (b'{"data":"\xed\xa0\x80"}', "one JSON object"),
        (b'{"data":"\\ud800"}', "one JSON object"),
        (b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
        (b'{"id":"1","id":"2"}', "'id': is there twice"),
        (b'{"id":null,"id":"2"}', "'id': is there twice"),
        (b'{"id":"1","\\u0069d":"2"}', "'id': is there twice"),
        (b'{"Id":null}', "name 'Id'"),
        (b'{"data":1,"data":2}', "'data': is there twice"),
        (b'{"id":1}', "'id': must be a string"),
        (b'{"specversion":true}', "'specversion': must be a string"),
        (b'{"x":1.5}', "'x': must be a string, a boolean or an integer"),
        *(
            (b'{"x":%b}' % value, "'x': must be a string, a boolean or an integer")
            for value in (b"{}", b"[1]", b"1.0", b"1e2", b"1E2", b"-0.0", b"[" * 400 + b"]" * 400)
        ),
        (b'{"x":2147483648}', "'x': the integer 2147483648"),
        (b'{"x":-2147483649}', "'x': the integer -2147483649"),
        (b'{"x":%b}' % (b"1" * 5000), "'x': the integer 111"),
        (b'{"x":"\\u0007"}', r"'x': holds the character U\+0007"),
        (b'{"data":1,"data_base64":"YQ=="}', "'data_base64': cannot stand beside"),
        (b'{"data":null,"data_base64":"YQ=="}', "'data_base64': cannot stand beside"),
        (b'{"data":[1],"datacontenttype":"text/plain"}', "'data': must be a string"),
        (b'{"data":null,"datacontenttype":"text/plain"}', "'data': must be a string"),
        (b'{"data":"a","datacontenttype":"a/b;charset=utf-16"}', "'data': a string cannot be made"),
        (
            '{"data":"€","datacontenttype":"a/b;charset=iso-8859-1"}'.encode(),
            "'data': holds characters",
        ),
        (b'{"data_base64":"YQ"}', "'data_base64': is not base64"),
        (b'{"data_base64":"YQ==\\n"}', "'data_base64': is not base64"),
        (b'{"data_base64":"_-8="}', "'data_base64': is not base64"),
        (b'{"data_base64":"a"}', "'data_base64': is not base64"),
        (b'{"data_base64":5}', "'data_base64': is not base64"),
        (b"{" + b",".join(b'"x%d":"v"' % n for n in range(70)) + b"}", "at most 64"),
    ],
)
def test_an_envelope_that_is_not_one_is_refused_with_its_reason(body, names):
    with pytest.raises(InvalidRequest, match=names):
        decode(STRUCTURED, body)


@pytest.mark.parametrize(
    ("raw", "value"), [(b"-0", "0"), (b"-2147483648", "-2147483648"), (b"false", "false")]
)
def test_attributes_of_other_types_have_one_form_as_strings(raw, value):
    event = decode(STRUCTURED, msgspec.json.encode({**ENVELOPE, "x": msgspec.Raw(raw)}))
    assert event.extensions == {"x": value}


def test_attributes_of_an_envelope_that_no_head_has_room_for_are_refused_by_the_longest():
    with pytest.raises(InvalidRequest, match=r"'x': too long with the others: .* 49,152"):
        structured(x="é" * 8192, y="v")


def test_attributes_that_are_too_long_are_not_written_out_to_say_so():
    event = Event(id="1", source="/s", type="t", subject="é" * 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest, match="'subject': too long"):
            check_size(event)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    "members",
    [
        b'"specversion":"%b"',
        b'"x%b":1,"\\u0078%b":2',
        b'"data":1,"datacontenttype":"%b"',
        b'"data":"a","datacontenttype":"a/b;charset=%b"',
    ],
)
def test_an_error_does_not_repeat_what_is_long(members):
    long = b"x" * 100_000
    body = b"{" + members.replace(b"%b", long) + b"}"
    with pytest.raises(InvalidRequest) as refused:
        decode(STRUCTURED, body)
    assert len(refused.value.message) < 300


def test_data_may_nest_500_levels_deep():
    data = b"[" * 500 + b"]" * 500
    envelope = {**ENVELOPE, "data": msgspec.Raw(data)}
    assert decode(STRUCTURED, msgspec.json.encode(envelope)).data == data


def test_a_character_may_stand_anywhere_in_large_data():
    for before in range(4):
        data = b'"%b"' % (b"x" * (65_530 + before) + "日😀".encode() * 30_000)
        envelope = msgspec.json.encode({**ENVELOPE, "data": msgspec.Raw(data)})
        assert decode(STRUCTURED, envelope).data == data
        with pytest.raises(InvalidRequest, match="one JSON object"):
            decode(STRUCTURED, envelope.replace('😀"'.encode(), b'\xf0\x9f\x98"'))
