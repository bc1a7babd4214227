"""Which bucket a setting names."""

from __future__ import annotations

import pytest

from catnap.errors import InvalidRequest
from catnap.files.bucket import Bucket


def test_a_url_names_the_bucket_and_where_it_is() -> None:
    url = "s3://skills?endpoint=http://127.0.0.1:7070&region=eu-north-1&path_style=false"
    assert Bucket.parse(url) == Bucket("skills", "http://127.0.0.1:7070", "eu-north-1", False)
    assert Bucket.parse("s3://skills") == Bucket("skills")
    url = "s3://skills?public=https://files.example.com&sse=aws:kms&kms_key=k&checksums=false"
    bucket = Bucket.parse(url)
    assert (bucket.public, bucket.checksums) == ("https://files.example.com", False)
    assert bucket.encryption == {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"}


@pytest.mark.parametrize(
    "url",
    [
        "skills",
        "http://skills",
        "s3://",
        "s3://a/b",
        "s3://a?secret=x",
        "s3://a?path_style=1",
        "s3://a?sse=rot13",
        "s3://a?kms_key=k",
    ],
)
def test_what_is_no_bucket_is_refused_by_name(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"s3://|it takes|sse is"):
        Bucket.parse(url)
