"""Which S3 bucket holds the objects, and how it is to be spoken to."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from catnap.errors import InvalidRequest

_TEXTS = ("endpoint", "region", "public", "sse", "kms_key")
_FLAGS = ("path_style", "checksums")
_SSE = ("", "AES256", "aws:kms")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the objects are.

    endpoint: a URL, empty for AWS. path_style: the bucket in the path and not
    in the host's name, as most S3 servers beside AWS want it. public: the URL
    by which clients reach the same server, for links; empty for the endpoint.
    sse: encryption at rest that S3 is asked for, `AES256` or `aws:kms`, with
    kms_key or the account's own. checksums: a CRC of each part beside the
    signature; a few old servers refuse it. Without keys boto3 looks for
    credentials in its own places.
    """

    name: str
    endpoint: str = ""
    region: str = "us-east-1"
    path_style: bool = True
    access_key: str = ""
    secret_key: str = ""
    public: str = ""
    sse: str = ""
    kms_key: str = ""
    checksums: bool = True

    @classmethod
    def parse(cls, url: str) -> Bucket:
        """A bucket from `s3://name?endpoint=URL&region=NAME&path_style=false`;
        all but the name may be left out, and public, sse, kms_key and
        checksums=false given too. Credentials are never part of it.

        Raises InvalidRequest, which names what is wrong.
        """
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or parts.path not in ("", "/"):
            raise InvalidRequest(f"{url!r} is no bucket: write s3://name?endpoint=URL")
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        texts = {name: given.pop(name) for name in _TEXTS if name in given}
        flags = {name: given.pop(name) for name in _FLAGS if name in given}
        wrong = {*given, *(name for name, value in flags.items() if value not in ("true", "false"))}
        if wrong:
            raise InvalidRequest(
                f"{url!r}: {sorted(wrong)[0]!r} is not among what it takes: "
                f"{', '.join(_TEXTS)}, and {' and '.join(_FLAGS)}, true or false"
            )
        if texts.get("sse", "") not in _SSE or (texts.get("kms_key") and "sse" not in texts):
            raise InvalidRequest(f"{url!r}: sse is AES256, or aws:kms with or without a kms_key")
        return cls(
            parts.netloc,
            **texts,  # type: ignore[arg-type]
            **{name: value == "true" for name, value in flags.items()},  # type: ignore[arg-type]
        )

    @property
    def encryption(self) -> dict[str, str]:
        """What a request that writes asks for."""
        asked = {"ServerSideEncryption": self.sse, "SSEKMSKeyId": self.kms_key}
        return {name: value for name, value in asked.items() if value}

    def __str__(self) -> str:
        return f"bucket {self.name!r} at {self.endpoint or 'AWS'}"


Purpose = Literal["requests", "links"]


def client(bucket: Bucket, purpose: Purpose = "requests") -> Any:
    """boto3's client of a bucket. One for links names the server as clients
    reach it, and promises no checksum, which only they could compute."""
    # Here and not above: boto3 takes 170 ms and 40 MiB to import.
    import boto3
    import botocore.session
    from botocore.config import Config

    session = botocore.session.get_session()
    session.register_component("data_loader", _loader())
    links = purpose == "links"
    checksums = "when_supported" if bucket.checksums and not links else "when_required"
    return boto3.session.Session(botocore_session=session).client(
        "s3",
        endpoint_url=(bucket.public if links else "") or bucket.endpoint or None,
        region_name=bucket.region,
        aws_access_key_id=bucket.access_key or None,
        aws_secret_access_key=bucket.secret_key or None,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if bucket.path_style else "virtual"},
            retries={"mode": "standard", "total_max_attempts": 4},
            request_checksum_calculation=checksums,
            response_checksum_validation=checksums,
            max_pool_connections=64,
        ),
    )


@functools.cache
def _loader() -> Any:
    """What S3 can do, read from boto3's own files: of a client's time nearly all."""
    from botocore.loaders import create_loader

    return create_loader()
