"""Objects whose parts their sender brings to S3 himself, by links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from catnap.errors import InvalidRequest, NotFound
from catnap.files.s3_calls import Calls
from catnap.files.store import Parts


async def begin(
    calls: Calls, key: str, sizes: Sequence[int], seconds: int, said: dict[str, Any]
) -> Parts:
    # Promised now, a checksum would be asked of everybody who sends a part.
    begun = await calls.unchecked("create_multipart_upload", Key=key, **said)
    its_id: str = begun["UploadId"]
    asked = [
        {"Key": key, "UploadId": its_id, "PartNumber": number, "ContentLength": size}
        for number, size in enumerate(sizes, start=1)
    ]
    return Parts(its_id, tuple(await calls.links("upload_part", seconds, asked)))


async def end(calls: Calls, key: str, its_id: str, size: int) -> str:
    """The object's etag. Raises as ObjectStore.end_parts."""
    which = {"Key": key, "UploadId": its_id}
    parts: list[dict[str, Any]] = []
    marker: dict[str, int] = {}
    while True:
        page = await calls("list_parts", **which, **marker)
        parts += page.get("Parts", ())
        if not page["IsTruncated"]:
            break
        marker = {"PartNumberMarker": page["NextPartNumberMarker"]}
    if not parts:
        raise NotFound(f"nothing has come for {key!r}")
    came = sum(part["Size"] for part in parts)
    if came != size:
        raise InvalidRequest(f"{came:,} bytes have come, of {size:,}: send every part first")
    named = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
    ended = await calls("complete_multipart_upload", **which, MultipartUpload={"Parts": named})
    etag: str = ended["ETag"]
    return etag


async def drop(calls: Calls, before: datetime) -> int:
    """How many uploads were dropped: begun before then, and not ended."""
    dropped = 0
    marker: dict[str, str] = {}
    while True:
        page = await calls("list_multipart_uploads", **marker)
        for upload in page.get("Uploads", ()):
            if upload["Initiated"] >= before:
                continue
            which = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
            try:
                await calls("abort_multipart_upload", **which)
            except NotFound:  # it has ended since
                continue
            dropped += 1
        if not page["IsTruncated"]:
            return dropped
        marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
