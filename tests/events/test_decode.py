"""Which messages are events, and what is wrong with the others."""

import msgspec
import pytest

from catnap.errors import InvalidRequest
from catnap.events import Event, decode
from catnap.events.decode import is_event

CORE = {b"ce-specversion": b"1.0", b"ce-id": b"1", b"ce-source": b"/s", b"ce-type": b"t"}
JSON = {b"content-type": b"application/json"}
STRUCTURED = {b"content-type": b"application/cloudevents+json; charset=UTF-8"}
ENVELOPE = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def structured(**members: object) -> Event:
    return decode(STRUCTURED, msgspec.json.encode({**ENVELOPE, **members}))


def test_a_binary_event_is_headers_and_body():
    headers = {**CORE, **JSON, b"ce-subject": b"a%20b", b"ce-userid": b'"eve \\"x\\""', b"x": b"y"}
    assert decode(headers, b"{}") == Event(
        id="1",
        source="/s",
        type="t",
        subject="a b",
        datacontenttype="application/json",
        extensions={"userid": 'eve "x"'},
        data=b"{}",
    )


def test_a_structured_event_is_one_json_object():
    event = structured(
        subject="é", time="2026-01-01T00:00:00Z", n=-5, yes=True, none=None, data={"a": 1}
    )
    assert event == Event(
        id="1",
        source="/s",
        type="t",
        subject="é",
        time="2026-01-01T00:00:00Z",
        datacontenttype="application/json",
        extensions={"n": "-5", "yes": "true"},
        data=b'{"a":1}',
    )


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type"])
def test_what_lacks_a_required_attribute_is_refused_by_its_name(missing):
    headers = {k: v for k, v in CORE.items() if k != b"ce-" + missing.encode()}
    assert is_event(headers)
    with pytest.raises(InvalidRequest, match=f"'{missing}': is missing"):
        decode(headers, b"")
    body = msgspec.json.encode({k: v for k, v in ENVELOPE.items() if k != missing})
    with pytest.raises(InvalidRequest, match=f"'{missing}': is missing"):
        decode(STRUCTURED, body)


GOOD = [
    ("source", "/"),
    ("source", "1-555-123-4567"),
    ("source", "//host:80/a?b#c"),
    ("source", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"),
    ("source", "https://u:p@[::1]:8080/a;b=c/?q=%20&x=[".rstrip("[")),
    ("source", "mailto:cncf@example.com"),
    ("source", "a/b:c"),
    ("source", "?q"),
    ("id", "日本 %x"),
    ("id", " "),
    ("time", "2024-02-29T23:59:59.123456789+05:30"),
    ("time", "2000-02-29t00:00:00z"),
    ("dataschema", "https://example.com/schema?v=1"),
    ("datacontenttype", "text/plain; charset=utf-8"),
    ("datacontenttype", "image/svg+xml"),
    ("subject", "a/b"),
    ("x1", ""),
    ("x" * 64, "v"),
    ("x", "v" * 48_000),
]

BAD = [
    ("specversion", "0.3"),
    ("specversion", "1"),
    ("id", ""),
    ("type", ""),
    ("subject", ""),
    ("source", ""),
    ("source", "a b"),
    ("source", "1:a"),
    ("source", "/%zz"),
    ("source", "/a#b#c"),
    ("source", "/é"),
    ("source", "http://[::1"),
    ("source", "/<x>"),
    ("time", ""),
    ("time", "2026-01-01"),
    ("time", "2026-01-01T00:00:00"),
    ("time", "2026-13-01T00:00:00Z"),
    ("time", "2026-02-29T00:00:00Z"),
    ("time", "1900-02-29T00:00:00Z"),
    ("time", "2026-04-31T00:00:00Z"),
    ("time", "2026-01-01T24:00:00Z"),
    ("time", "2026-01-01 00:00:00Z"),
    ("time", "٢٠٢٦-01-01T00:00:00Z"),
    ("dataschema", ""),
    ("dataschema", "/relative"),
    ("dataschema", "https://example.com/#fragment"),
    ("datacontenttype", ""),
    ("datacontenttype", "json"),
    ("datacontenttype", "text/plain; x=é"),
    ("id", "a\nb"),
    ("id", "a\x7f"),
    ("id", "\x85"),
    ("id", "\ufdd0"),
    ("id", "\uffff"),
    ("id", "\U0001fffe"),
    ("Upper", "v"),
    ("under_score", "v"),
    ("x" * 65, "v"),
    ("", "v"),
]


def as_headers(name: str, value: str) -> dict[bytes, bytes]:
    if name == "datacontenttype":
        return {**CORE, b"content-type": value.encode()}
    quoted = "".join(f"%{b:02x}" for b in value.encode("utf-8", "surrogatepass"))
    return {**CORE, b"ce-" + name.encode(): quoted.encode()}


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_attributes_that_keep_the_rules_come_through_in_both_modes(name, value):
    assert structured(**{name: value}).attribute(name) == value
    assert decode(as_headers(name, value), b"x").attribute(name) == value


@pytest.mark.parametrize(("name", "value"), BAD)
def test_attributes_that_break_a_rule_are_refused_by_name_in_both_modes(name, value):
    with pytest.raises(InvalidRequest, match=f"'{name}'"):
        structured(**{name: value})
    if (name, value) != ("datacontenttype", ""):  # no Content-Type says nothing
        with pytest.raises(InvalidRequest, match=f"'{name}'"):
            decode(as_headers(name, value), b"x")


def test_white_space_in_the_content_type_is_space():
    headers = {**CORE, b"content-type": b"text/plain\t;\tcharset=utf-8"}
    assert decode(headers, b"x").datacontenttype == "text/plain ; charset=utf-8"


def test_the_content_type_header_alone_says_what_data_is():
    with pytest.raises(InvalidRequest, match="Content-Type"):
        decode({**CORE, b"ce-datacontenttype": b"text/plain"}, b"")


@pytest.mark.parametrize("name", [b"ce-data", b"ce-"])
def test_names_that_are_taken_or_empty_are_refused(name):
    with pytest.raises(InvalidRequest, match="attribute"):
        decode({**CORE, name: b"x"}, b"")


def test_data_in_the_binary_mode_is_not_looked_into():
    data = b"[" * 100_000 + b"\xff"
    assert decode({**CORE, **JSON}, data).data == data


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/cloudevents-batch+json",
        b"Application/CloudEvents-Batch+JSON; charset=utf-8",
        b'application/cloudevents+json;\tcharset="latin1"',
        b"application/cloudevents+avro",
        b"application/cloudevents",
        b"application/cloudevents+json; charset=utf-16",
    ],
)
def test_forms_that_are_not_read_are_named(content_type):
    headers = {**CORE, b"content-type": content_type}
    assert is_event(headers)
    with pytest.raises(InvalidRequest, match=r"send one event a request|not read"):
        decode(headers, b"[]")


def test_what_claims_nothing_is_no_event():
    assert not is_event({b"content-type": b"application/json", b"x-ce-id": b"1"})
