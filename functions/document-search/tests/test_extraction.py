import io
import zlib

import pytest
from extraction import Unreadable, extract, is_document
from pypdf import PdfReader, PdfWriter


def pdf(text: str) -> bytes:
    """A page with one line on it."""
    content = zlib.compress(f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode())
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, io.SEEK_END)
    places = []
    for number, each in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, each))
    table = out.tell()
    out.write(b"xref\n0 6\n0000000000 65535 f \n")
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    out.write(b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % table)
    return out.getvalue()


def test_a_pdf_gives_the_text_of_its_pages() -> None:
    assert extract("a.PDF", pdf("Cats nap in the sun")).strip() == "Cats nap in the sun"


@pytest.mark.parametrize("data", [b"", b"nothing", pdf("Cats")[:200], b"%PDF-1.4\n" + b"\0" * 99])
def test_a_broken_pdf_is_a_problem_of_its_own(data: bytes) -> None:
    with pytest.raises(Unreadable, match="no PDF"):
        extract("a.pdf", data)


def test_an_encrypted_pdf_is_said_to_be_so() -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("Cats"))))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    with pytest.raises(Unreadable, match="encrypted"):
        extract("a.pdf", out.getvalue())


def test_html_gives_what_a_reader_sees() -> None:
    page = b"""<html><head><title>Of cats</title><style>p { color: red }</style></head>
      <body><h1>Cats</h1><p>They <b>nap</b>
      often.</p><script>alert(1)</script><ul><li>one<li>two</ul>caf&eacute;</body></html>"""
    text = extract("a.html", page)
    assert text.split("\n\n")[0] == "Of cats"
    assert "They nap often." in text
    assert [line for line in text.split("\n") if line] == [
        *("Of cats", "Cats", "They nap often.", "one", "two", "café")
    ]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("café".encode(), "café"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", "café"),
        ("café".encode("utf-16"), "café"),
        (b"caf\xe9", "caf\ufffd"),
        (b"a\0b", "a b"),
    ],
)
def test_plain_text_is_read_whatever_is_in_it(data: bytes, text: str) -> None:
    assert extract("a.txt", data) == text


def test_documents_are_known_by_their_endings() -> None:
    assert is_document("a/b.TXT")
    assert is_document("b.md")
    assert not is_document("b.csv")
    assert not is_document(".catnap/document-search.index")
