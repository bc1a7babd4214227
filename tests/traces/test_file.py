"""Spans are in the file when it is closed, in lines that collectors read."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest
from catnap.traces import file
from catnap.traces.file import SpanFile
from catnap.traces.span import Spans

KEPT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def read(path: Path) -> list[dict[str, object]]:
    return [
        span
        for line in path.read_text().splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def test_a_span_is_as_otlp_has_it(tmp_path: Path) -> None:
    found = SpanFile(tmp_path / "traces", "catnap")
    moments = itertools.count(1_763_726_400_000_000_001)
    span = Spans(found.keep, lambda: next(moments), lambda size: "ab" * size).begin(
        "model writer", "client", KEPT
    )
    span.event("failed", server="a:1")
    span.end("Unavailable", tenant="acme", tokens=7, seconds=0.5, streamed=True)
    found.close()
    [line] = (tmp_path / "traces").read_text().splitlines()
    [resource] = json.loads(line)["resourceSpans"]
    assert resource["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "catnap"}}
    ]
    assert read(tmp_path / "traces") == [
        {
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": "abababababababab",
            "parentSpanId": "b7ad6b7169203331",
            "name": "model writer",
            "kind": 3,
            "startTimeUnixNano": "1763726400000000001",
            "endTimeUnixNano": "1763726400000000003",
            "attributes": [
                {"key": "catnap.tenant", "value": {"stringValue": "acme"}},
                {"key": "catnap.tokens", "value": {"intValue": "7"}},
                {"key": "catnap.seconds", "value": {"doubleValue": 0.5}},
                {"key": "catnap.streamed", "value": {"boolValue": True}},
            ],
            "events": [
                {
                    "timeUnixNano": "1763726400000000002",
                    "name": "failed",
                    "attributes": [{"key": "catnap.server", "value": {"stringValue": "a:1"}}],
                }
            ],
            "status": {"code": 2, "message": "Unavailable"},
        }
    ]


def test_programs_that_share_a_file_write_whole_lines_after_what_is_there(tmp_path: Path) -> None:
    files = [SpanFile(tmp_path / "traces", name) for name in ("gateway", "models")]
    for _ in range(1000):
        for each in files:
            Spans(each.keep).begin("call", "server", "").end()
    for each in files:
        each.close()
    again = SpanFile(tmp_path / "traces", "gateway")
    Spans(again.keep).begin("call", "server", "").end()
    again.close()
    assert len(read(tmp_path / "traces")) == 2001


def test_who_writes_slower_than_spans_come_loses_some_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(file, "HELD", 1)
    found = SpanFile(tmp_path / "traces", "catnap")
    for _ in range(5000):
        Spans(found.keep).begin("call", "server", "").end()
    found.close()
    written = len(read(tmp_path / "traces"))
    assert 1 <= written < 5000
    assert f"{5000 - written} spans were lost" in caplog.text


def test_a_span_that_cannot_be_written_is_in_the_way_of_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = SpanFile(tmp_path / "traces", "catnap")
    Spans(found.keep).begin("\ud800", "server", "").end()
    while "cannot be written" not in caplog.text:
        pass
    Spans(found.keep).begin("call", "server", "").end()
    found.close()
    assert [each["name"] for each in read(tmp_path / "traces")] == ["call"]
    assert "1 spans were lost" in caplog.text


def test_a_file_that_cannot_be_written_says_so_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"CATNAP_TRACES .*: Is a directory"):
        SpanFile(tmp_path, "catnap")
