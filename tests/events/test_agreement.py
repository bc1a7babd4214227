"""Where the CloudEvents SDK 1.12 and ours both accept, they read the same."""

import json

import pytest
from cloudevents.http import CloudEvent, from_http, to_binary, to_structured
from hypothesis import given, settings
from hypothesis import strategies as st

from catnap.errors import InvalidRequest
from catnap.events import Event, decode
from catnap.events import to_binary as our_binary
from catnap.events import to_structured as our_structured

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TEXT = st.text('abcXYZ019 -_./:%"é日😀', min_size=1, max_size=20)
# The SDK knows nothing of percent-encoded headers: there we agree on the rest.
PLAIN = st.text("abcXYZ019-_./:", min_size=1, max_size=20)
VALUES = st.dictionaries(TEXT, st.integers() | TEXT | st.booleans() | st.none(), max_size=4)


def attributes(text: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries(
        {"id": text, "source": st.sampled_from(["/a", "https://e.com/x?y#z"]), "type": text},
        optional={
            "subject": text,
            "dataschema": st.just("https://e.com/s"),
            "taskid": text,
            "x9": text,
        },
    )


def either(binary, structured):
    """Attributes, with a mode in which the SDK understands them."""
    return st.tuples(attributes(PLAIN), st.just(binary)) | st.tuples(
        attributes(TEXT), st.just(structured)
    )


def seen_by_sdk(event: CloudEvent) -> dict[str, object]:
    """Its attributes as text, without the time that it makes up."""
    return {k: str(v) for k, v in event.get_attributes().items() if k != "time" and v is not None}


def seen_by_us(event: Event) -> dict[str, object]:
    known = ("id", "source", "type", "subject", "dataschema", "datacontenttype", "specversion")
    attributes = {name: event.attribute(name) for name in known}
    return {k: v for k, v in {**attributes, **event.extensions}.items() if v is not None}


@settings(max_examples=40)
@given(either(to_binary, to_structured), VALUES)
def test_we_read_what_the_sdk_writes(written, data):
    given_attributes, write = written
    theirs = CloudEvent({**given_attributes, "datacontenttype": "application/json"}, data)
    headers, body = write(theirs)
    ours = decode({k.lower().encode(): v.encode() for k, v in headers.items()}, body)
    assert {k: v for k, v in seen_by_us(ours).items() if k != "time"} == seen_by_sdk(theirs)
    assert json.loads(ours.data or b"null") == data


@settings(max_examples=40)
@given(either(our_binary, our_structured), VALUES)
def test_the_sdk_reads_what_we_write(written, data):
    given_attributes, write = written
    extensions = {k: v for k, v in given_attributes.items() if k in ("taskid", "x9")}
    core = {k: v for k, v in given_attributes.items() if k not in extensions}
    ours = Event(
        **core,
        extensions=extensions,
        datacontenttype="application/json",
        data=json.dumps(data).encode(),
    )
    headers, body = write(ours)
    theirs = from_http({k.decode(): v.decode() for k, v in headers}, body)
    assert seen_by_sdk(theirs) == seen_by_us(ours)
    assert theirs.data == data


@pytest.mark.parametrize(
    "headers",
    [
        {"ce-specversion": "1.0", "ce-id": "", "ce-source": "/", "ce-type": "t"},
        {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "a b", "ce-type": "t"},
        {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/", "ce-type": "t", "ce-time": "x"},
    ],
)
def test_where_the_sdk_accepts_what_the_spec_forbids_the_spec_wins(headers):
    with pytest.raises(InvalidRequest):
        decode({k.encode(): v.encode() for k, v in headers.items()}, b"")
