"""Which messages are events, and what is wrong with the others."""

import msgspec
import pytest

from catnap.errors import InvalidRequest
from catnap.events import Event, decode
from catnap.events.decode import is_event
from catnap.events.limits import DEPTH

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


@pytest.mark.parametrize(
    "raw",
    [
        *(b"%", b"%2", b"%zz", b"%+1", b"%c0%af", b"%C0%A0", b"%ed%a0%80", b"%f4%90%80%80", b"%ff"),
        *(b"%00", b"%7F", b"a\tb", b"\x01", b"%EF%BF%BF", b"\xff", "é".encode()),
        *(b'"', b'a"b', b'"a"b', b'"a"b"', b'"a\\"', b'"a\tb"', b'a "b c"'),
    ],
)
def test_header_text_that_is_no_text_is_refused(raw):
    with pytest.raises(InvalidRequest, match="'subject'"):
        decode({**CORE, b"ce-subject": raw}, b"")


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b"%e2%82%ac", "€"),
        (b"%41%2541", "A%41"),
        (b"a b", "a b"),
        (b" \ta\t ", "a"),
        (b'"a b"', "a b"),
        (b'"a\\"b\\\\c\\d"', 'a"b\\cd'),
        (b'"%20%22"', ' "'),
        (b"a\\b", "a\\b"),
        (b"(a)", "(a)"),
    ],
)
def test_header_text_is_unquoted_and_percent_decoded_once(raw, value):
    assert decode({**CORE, b"ce-subject": raw}, b"").subject == value


def test_what_is_mapped_into_headers_beside_an_envelope_is_not_read():
    headers = {**STRUCTURED, b"ce-id": b"another", b"ce-specversion": b"0.3"}
    assert decode(headers, msgspec.json.encode(ENVELOPE)) == structured()


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


def test_data_may_nest_as_deep_as_is_stated():
    data = b"[" * DEPTH + b"]" * DEPTH
    envelope = {**ENVELOPE, "data": msgspec.Raw(data)}
    assert decode(STRUCTURED, msgspec.json.encode(envelope)).data == data


def test_a_character_may_stand_anywhere_in_large_data():
    for before in range(4):
        data = b'"%b"' % (b"x" * (65_530 + before) + "日😀".encode() * 30_000)
        envelope = msgspec.json.encode({**ENVELOPE, "data": msgspec.Raw(data)})
        assert decode(STRUCTURED, envelope).data == data
        with pytest.raises(InvalidRequest, match="one JSON object"):
            decode(STRUCTURED, envelope.replace('😀"'.encode(), b'\xf0\x9f\x98"'))


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
