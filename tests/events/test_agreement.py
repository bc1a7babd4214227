"""Beside the CloudEvents SDKs: where they and we both accept, we read the same.
Where they accept what the specification forbids, or read something else than
it says, the specification wins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catnap.errors import InvalidRequest
from catnap.events import Event, decode, to_binary, to_structured
from tests.events.generated import Message, events, http_messages, mutated
from tests.events.sdks import PYTHON2, Reading, Sdk, Sdk1, Sdk2

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module", params=["1.12", "2"])
def sdk(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    if request.param == "1.12":
        yield Sdk1()
        return
    if not PYTHON2.exists():
        pytest.skip("the CloudEvents SDK 2 is not there: `make test-servers` installs it")
    two = Sdk2()
    yield two
    two.close()


def ours(message: Message) -> Event | None:
    try:
        return decode(dict(message.headers), message.body)
    except InvalidRequest:
        return None


def assert_same(event: Event, reading: Reading) -> None:
    attributes = {"specversion": "1.0", **event.attributes()}
    theirs = {name: as_text(v) for name, v in reading.attributes.items() if v is not None}
    if "datacontenttype" not in theirs and event.datacontenttype == "application/json":
        del attributes["datacontenttype"]  # what the format implies, we say
    time, their_time = attributes.pop("time", None), theirs.pop("time")
    if time is not None:  # else they make one up
        assert time == their_time or moment(time) == moment(their_time)
    assert attributes == theirs
    assert same_data(event.data, reading.data)


def moment(time: str) -> datetime:
    return datetime.fromisoformat(time.upper())


def as_text(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool | int) else str(value)


def same_data(data: bytes | None, theirs: Any) -> bool:
    """They parse what may be JSON, whatever its type says, and may take an
    empty string for none."""
    if theirs is None:
        return data in (None, b"", b"null", b'""')
    assert data is not None
    if theirs == data or (isinstance(theirs, str) and theirs.encode(errors="replace") == data):
        return True
    return json.dumps(json.loads(data)) == json.dumps(theirs)


def reads_otherwise(sdk: Sdk, message: Message) -> bool:
    """Whether it is known to read something else than the specification says;
    see the cases at the end."""
    headers = dict(message.headers)
    attributes = [value for name, value in headers.items() if name.startswith(b"ce-")]
    if headers.get(b"content-type", b"").lower().startswith(b"application/cloudevents"):
        return bool(attributes)
    escapes = b'"' if sdk.unescapes else b'"%'
    return any(byte in escapes for value in attributes for byte in value)


@settings(max_examples=200, deadline=None)
@given(message=http_messages() | mutated(http_messages()))
def test_what_both_accept_is_read_the_same(sdk: Sdk, message: Message) -> None:
    event, reading = ours(message), sdk.read(message)
    if event is not None and reading is not None and not reads_otherwise(sdk, message):
        assert_same(event, reading)


@settings(max_examples=60, deadline=None)
@given(event=events(), write=st.sampled_from([to_binary, to_structured]))
def test_an_sdk_reads_what_we_write(sdk: Sdk, event: Event, write: Any) -> None:
    message = Message(*write(event))
    reading = sdk.read(message)
    if reads_otherwise(sdk, message):
        return
    if reading is None:
        # Its clock has no leap seconds, and no year 0.
        assert event.time
        assert event.time.startswith("0000") or ":60" in event.time
    else:
        assert_same(event, reading)


TEXT = st.text("abcXYZ019-_./:", min_size=1, max_size=20)
ANY_TEXT = st.text('abcXYZ019 -_./:%"é日😀', min_size=1, max_size=20)
VALUES = st.dictionaries(ANY_TEXT, st.integers() | ANY_TEXT | st.booleans() | st.none(), max_size=4)


def attributes(text: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries(
        {
            "id": text,
            "source": st.sampled_from(["/a", "https://e.com/x?y#z"]),
            "type": text,
            "datacontenttype": st.just("application/json"),
        },
        optional={"subject": text, "dataschema": st.just("https://e.com/s"), "x9": text},
    )


@settings(max_examples=60, deadline=None)
@given(drawn=st.data(), mode=st.sampled_from(["binary", "structured"]), data=VALUES)
def test_we_read_what_an_sdk_writes(sdk: Sdk, drawn: Any, mode: str, data: Any) -> None:
    escapes = sdk.unescapes or mode == "structured"
    given_ = drawn.draw(attributes(ANY_TEXT if escapes else TEXT))
    event = ours(sdk.write(mode, given_, data))
    assert event is not None
    assert {k: v for k, v in event.attributes().items() if k != "time"} == given_
    assert json.loads(event.data or b"") == data


def binary(**changed: str | None) -> Message:
    """A binary event with headers changed, or left out where None."""
    core = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/", "ce-type": "t"}
    headers = core | {name.replace("_", "-"): value for name, value in changed.items()}
    return Message(
        [(name.encode(), v.encode("latin-1")) for name, v in headers.items() if v is not None], b""
    )


def envelope(members: str) -> Message:
    """An envelope with these members after the ones that there must be."""
    body = f'{{"specversion":"1.0","id":"1","source":"/","type":"t",{members}}}'
    return Message([(b"content-type", b"application/cloudevents+json")], body.encode())


FORBIDDEN = {
    "id is empty": (binary(ce_id=""), [Sdk1]),
    "id is missing": (binary(ce_id=None), [Sdk2]),
    "source is no URI reference": (binary(ce_source="a b"), [Sdk1, Sdk2]),
    "subject is empty": (binary(ce_subject=""), [Sdk1]),
    "time is no timestamp": (binary(ce_time="yesterday"), [Sdk1]),
    "time is ISO 8601, but not RFC 3339": (binary(ce_time="2026-W47-6T13Z"), [Sdk1, Sdk2]),
    "dataschema is relative": (binary(ce_dataschema="/s"), [Sdk1, Sdk2]),
    "dataschema has a fragment": (binary(ce_dataschema="http://s/#f"), [Sdk1, Sdk2]),
    "datacontenttype is no media type": (binary(content_type="json"), [Sdk1, Sdk2]),
    "datacontenttype as an attribute's header": (binary(ce_datacontenttype="a/b"), [Sdk1, Sdk2]),
    "a name with a hyphen": (binary(ce_a_b="c"), [Sdk1]),
    "the name data": (binary(ce_data="x"), [Sdk1]),
    "a control character": (binary(ce_subject="a%07"), [Sdk1, Sdk2]),
    "half an escape": (binary(ce_subject="100%"), [Sdk1, Sdk2]),
    "an overlong escape": (binary(ce_subject="%C0%A0"), [Sdk1, Sdk2]),
    "an escaped surrogate": (binary(ce_subject="%ED%A0%80"), [Sdk1, Sdk2]),
    "a header that is not ASCII": (binary(ce_subject="\xe9"), [Sdk1, Sdk2]),
    "a quote that does not end": (binary(ce_subject='"a'), [Sdk1, Sdk2]),
    "a member that is there twice": (envelope('"id":"2"'), [Sdk1, Sdk2]),
    "a number that is no integer": (envelope('"x":1.5'), [Sdk1, Sdk2]),
    "an integer of more than 32 bits": (envelope('"x":2147483648'), [Sdk1, Sdk2]),
    "an object as an attribute": (envelope('"x":{}'), [Sdk1, Sdk2]),
    "a number for a string": (envelope('"subject":1'), [Sdk1]),
    "an upper-case name": (envelope('"Subject":"a"'), [Sdk1]),
    "NaN": (envelope('"data":NaN'), [Sdk1, Sdk2]),
    "data twice": (envelope('"data_base64":"YQ==","data":1'), [Sdk1]),
    "data twice, once null": (envelope('"data":null,"data_base64":"YQ=="'), [Sdk1, Sdk2]),
    "base64 with a line break": (envelope('"data_base64":"YQ==\\n"'), [Sdk1, Sdk2]),
    "an object as text": (envelope('"datacontenttype":"text/plain","data":{}'), [Sdk1, Sdk2]),
}


@pytest.mark.parametrize("why", FORBIDDEN)
def test_where_an_sdk_accepts_what_is_forbidden_we_do_not(sdk: Sdk, why: str) -> None:
    message, accepting = FORBIDDEN[why]
    assert ours(message) is None
    assert (sdk.read(message) is not None) is (type(sdk) in accepting)


OTHERWISE = {
    "a quoted string": (binary(ce_subject='"a b"'), "a b", {Sdk1: '"a b"', Sdk2: '"a b"'}),
    "an escape": (binary(ce_subject="a%20b"), "a b", {Sdk1: "a%20b", Sdk2: "a b"}),
    "an escaped escape": (binary(ce_subject="%2541"), "%41", {Sdk1: "%2541", Sdk2: "%41"}),
}


@pytest.mark.parametrize("why", OTHERWISE)
def test_where_an_sdk_reads_something_else_than_is_said_we_do_not(sdk: Sdk, why: str) -> None:
    message, meant, readings = OTHERWISE[why]
    event, reading = ours(message), sdk.read(message)
    assert event is not None
    assert reading is not None
    assert (event.subject, reading.attributes["subject"]) == (meant, readings[type(sdk)])


def test_headers_beside_an_envelope_are_not_read_though_an_sdk_reads_them(sdk: Sdk) -> None:
    headers, body = envelope('"subject":"in the envelope"')
    message = Message([*headers, *binary(ce_subject="in a header").headers], body)
    event, reading = ours(message), sdk.read(message)
    assert event is not None
    assert reading is not None
    assert event.subject == "in the envelope"
    found = reading.attributes["subject"]
    assert found == ("in a header" if isinstance(sdk, Sdk2) else "in the envelope")
