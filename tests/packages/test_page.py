from __future__ import annotations

import json

import pytest

from catnap.errors import Unavailable
from catnap.packages.address import Index
from catnap.packages.page import KIND, Page, Wheel, name_in, parse_page, render_page
from catnap.packages.upstream import Document

INDEX = Index.parse("https://a.example/simple/")
URL = INDEX.page("some-thing")
SHA, OTHER = "ab" * 32, "cd" * 32
WHEEL = "some_thing-1.0-py3-none-any.whl"


def read(kind: str, text: str) -> Page:
    return parse_page("some-thing", Document(URL, kind, "", text.encode()), INDEX)


def html(*links: str) -> Page:
    return read("text/html", f"<!DOCTYPE html><body>{''.join(links)}</body>")


def as_json(*files: dict[str, object]) -> Page:
    return read(KIND, json.dumps({"meta": {"api-version": "1.1"}, "files": files}))


@pytest.mark.parametrize("size", [-1, 1 << 64, 10**30])
def test_a_size_that_no_file_has_is_unknown(size: int) -> None:
    about = {"filename": WHEEL, "url": WHEEL, "hashes": {"sha256": SHA}, "size": size}
    [wheel] = as_json(about).wheels
    assert wheel.size == 0
    assert "size" not in json.loads(render_page("some-thing", (wheel,)))["files"][0]


def test_both_forms_of_a_page_say_the_same() -> None:
    link = (
        f'<a href="../../files/{WHEEL}#sha256={SHA}" data-requires-python="&gt;=3.8" '
        f'data-yanked="bad" data-core-metadata="sha256={OTHER}">{WHEEL}</a>'
    )
    about = {
        "filename": WHEEL,
        "url": f"../../files/{WHEEL}",
        "hashes": {"sha256": SHA},
        "requires-python": ">=3.8",
        "yanked": "bad",
        "core-metadata": {"sha256": OTHER},
    }
    wheel = Wheel(
        *(WHEEL, "1.0", f"https://a.example/files/{WHEEL}", SHA),
        metadata=OTHER,
        requires_python=">=3.8",
        yanked="bad",
    )
    assert html(link) == as_json(about) == Page("some-thing", (wheel,))


@pytest.mark.parametrize(
    "filename",
    [
        "some_thing-1.0.tar.gz",
        "some-thing-1.0.zip",
        "some_thing-1.0-py2.7.egg",
        "some_thing-1.0-py3-none-any.whl.asc",
        "other_thing-1.0-py3-none-any.whl",  # of another package
        "some_thingy-1.0-py3-none-any.whl",
        "../some_thing-1.0-py3-none-any.whl",
        "..%2f..%2fsome_thing-1.0-py3-none-any.whl",
        "/etc/some_thing-1.0-py3-none-any.whl",
        "some_thing-../../1.0-py3-none-any.whl",
        "some_thing-1.0\n-py3-none-any.whl",
        "some_thing-1.0-py3-none-any/../../../x.whl",
        "some_thing-latest-py3-none-any.whl",
        "some_thing-1.0-py3-none.whl",
        ".whl",
        "",
    ],
)
def test_what_is_no_wheel_of_the_package_is_left_out(filename: str) -> None:
    about = {"filename": filename, "url": "https://a.example/x", "hashes": {"sha256": SHA}}
    assert as_json(about) == Page("some-thing", (), 1)


@pytest.mark.parametrize(
    ("url", "hashes"),
    [
        ("https://a.example/x", {}),
        ("https://a.example/x", {"md5": "ab" * 16}),
        ("https://a.example/x", {"sha256": "ab"}),
        ("https://a.example/x", {"sha256": "../" * 21 + "a"}),
        ("http://a.example/x", {"sha256": SHA}),
        ("http://127.0.0.1:8080/admin", {"sha256": SHA}),
        ("https://localhost/x", {"sha256": SHA}),
        ("file:///etc/passwd", {"sha256": SHA}),
        ("//[bad/x", {"sha256": SHA}),
    ],
)
def test_a_wheel_without_a_hash_or_from_nowhere_near_is_left_out(
    url: str, hashes: dict[str, str]
) -> None:
    assert as_json({"filename": WHEEL, "url": url, "hashes": hashes}) == Page("some-thing", (), 1)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (KIND, "not json"),
        (KIND, '{"files": [{"filename": 1}]}'),
        (KIND, '{"files": null}'),
        ("application/octet-stream", "x"),
        ("application/json", "{}"),
    ],
)
def test_what_is_no_page_is_the_index_fault(kind: str, text: str) -> None:
    with pytest.raises(Unavailable, match="some-thing"):
        read(kind, text)


def test_our_page_links_into_our_own_files() -> None:
    url = "https://elsewhere.example/secret/x.whl"
    filename = "some_thing-1!1.0+cpu-py3-none-any.whl"
    page = json.loads(render_page("some-thing", (Wheel(filename, "1!1.0+cpu", url, SHA),)))
    [file] = page["files"]
    assert file["url"] == f"../../files/{SHA}/some_thing-1%211.0%2Bcpu-py3-none-any.whl"
    assert file["hashes"] == {"sha256": SHA}
    assert "elsewhere" not in json.dumps(page)


def test_a_wheels_name_is_normalized() -> None:
    assert name_in("Some.Thing-1.0-py3-none-any.whl") == "some-thing"
    assert name_in("../x-1.0-py3-none-any.whl") == ""
