"""Amazon S3 and what speaks its protocol: the engineering drop and one of the vaults.

Ranges are half-open, `[start, end)`, in bytes. Bytes are streamed both ways in constant memory. Deleting
means deleting versions: a plain delete only adds a delete marker.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from casework.systems.aws import aws_faults, error_code, request_id
from casework.systems.chunks import rechunk
from casework.systems.errors import NotFound, Refused, SystemFault

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

_SYSTEM = "S3"
_READ = 1 << 20
_PART = 8 << 20
_PARTS_OF_A_SIZE = 1000
_DELETE_BATCH = 1000
_UPLOAD_MARK = "casework-upload"

Progress = Callable[[int], None]
"""Called with the number of bytes stored so far."""


@dataclass(frozen=True, slots=True)
class Object:
    """An object's current version. `version_id` is None in a bucket without versioning."""

    key: str
    size: int
    etag: str
    last_modified: datetime
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or a delete marker."""

    key: str
    version_id: str
    delete_marker: bool
    latest: bool
    size: int
    last_modified: datetime


class S3:
    """A client over boto3's. All methods raise the kinds of `casework.systems.errors`."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def read(self, bucket: str, key: str, start: int | None = None, end: int | None = None) -> Iterator[bytes]:
        """The object's bytes in `[start, end)`, in chunks of at most 1 MiB. Raises `NotFound`.

        The end of the iteration means that all of them came; a broken stream raises `Temporary`.
        """
        first = start or 0
        if first < 0 or (end is not None and end < first):
            raise ValueError(f"[{first}, {end}) is not a range")
        if end is not None and end == first:
            return
        ask: dict[str, Any] = {}
        if start is not None or end is not None:
            ask["Range"] = f"bytes={first}-{'' if end is None else end - 1}"
        with self._faults(f"read from {bucket}"):
            body = self._client.get_object(Bucket=bucket, Key=key, **ask)["Body"]
            try:
                # To the empty chunk: only then has botocore compared length and checksum.
                yield from body.iter_chunks(_READ)
            finally:
                body.close()

    def head(self, bucket: str, key: str) -> Object | None:
        """The current version, or None when there is none (or a delete marker)."""
        try:
            with self._faults(f"look at an object in {bucket}"):
                answer = self._client.head_object(Bucket=bucket, Key=key)
        except NotFound:
            return None
        return Object(
            key=key,
            size=answer["ContentLength"],
            etag=answer["ETag"].strip('"'),
            last_modified=answer["LastModified"],
            version_id=answer.get("VersionId"),
        )

    def objects(self, bucket: str, prefix: str) -> Iterator[Object]:
        """The current objects whose keys start with `prefix`, in the order of their keys."""
        with self._faults(f"list {bucket}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    etag = item["ETag"].strip('"')
                    yield Object(item["Key"], item["Size"], etag, item["LastModified"])

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Store a small object in one request. Repeatable; each time makes a version."""
        with self._faults(f"store an object in {bucket}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=body)

    def upload(self, bucket: str, key: str, chunks: Iterable[bytes], progress: Progress | None = None) -> Object:
        """Store a stream of unknown length in one pass and constant memory (at most one part, 8 to 80 MiB).

        On any failure the parts already sent are removed; when that fails too, the error's notes say so and
        `abort_uploads` removes them later. The object appears whole or not at all.
        """
        operation = f"upload to {bucket}"
        mark = secrets.token_hex(8)
        with self._faults(operation):
            begun = self._client.create_multipart_upload(
                Bucket=bucket, Key=key, Metadata={_UPLOAD_MARK: mark}, ContentType="application/octet-stream"
            )
        upload_id = begun["UploadId"]
        try:
            parts: list[CompletedPartTypeDef] = []
            sent = 0
            for part in rechunk(chunks, _part_sizes()):
                number = len(parts) + 1
                with self._faults(operation):
                    stored = self._client.upload_part(
                        Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=part
                    )
                parts.append({"PartNumber": number, "ETag": stored["ETag"]})
                sent += len(part)
                if progress is not None:
                    progress(sent)
            self._complete(operation, bucket, key, upload_id, parts, mark)
        except BaseException as error:
            # Whatever it is, the end of this process included: parts of no object are seen by nobody and stay.
            try:
                with self._faults(operation):
                    self._client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
            except NotFound:
                pass  # Already completed or aborted: there is nothing left to remove.
            except SystemFault as left:
                error.add_note(f"The parts sent so far are still there: {left}")
            raise
        found = self.head(bucket, key)
        if found is None or found.size != sent:
            raise Refused(_SYSTEM, operation, f"{sent} bytes were sent and the stored object differs")
        return found

    def versions(self, bucket: str, key_or_prefix: str) -> list[Version]:
        """All versions and delete markers of exactly this key, or below it when it ends with `/`."""
        if not key_or_prefix:
            raise ValueError("An empty key would list the whole bucket")
        exact = not key_or_prefix.endswith("/")
        found: list[Version] = []
        with self._faults(f"list the versions in {bucket}"):
            paginator = self._client.get_paginator("list_object_versions")
            for page in paginator.paginate(Bucket=bucket, Prefix=key_or_prefix):
                entries = [(item, item["Size"], False) for item in page.get("Versions", [])]
                markers = [(item, 0, True) for item in page.get("DeleteMarkers", [])]
                for item, size, marker in [*entries, *markers]:
                    if exact and item["Key"] != key_or_prefix:
                        continue
                    found.append(
                        Version(
                            key=item["Key"],
                            version_id=item["VersionId"],
                            delete_marker=marker,
                            latest=item["IsLatest"],
                            size=size,
                            last_modified=item["LastModified"],
                        )
                    )
        return found

    def delete_versions(self, bucket: str, versions: Sequence[Version]) -> tuple[str, ...]:
        """Delete these versions and markers for good; gives the ids of the requests, as evidence.

        S3 answers 200 even when it keeps some (object lock, legal hold): that raises `Refused` with the
        codes, after all have been tried. Repeatable: deleting what is gone is no error.
        """
        operation = f"delete versions in {bucket}"
        asked: list[str] = []
        kept: list[str] = []
        for at in range(0, len(versions), _DELETE_BATCH):
            batch = versions[at : at + _DELETE_BATCH]
            with self._faults(operation):
                answer = self._client.delete_objects(
                    Bucket=bucket,
                    Delete={
                        "Objects": [{"Key": v.key, "VersionId": v.version_id} for v in batch],
                        "Quiet": True,
                    },
                )
            asked.append(request_id(answer))
            kept += [error.get("Code", "unknown") for error in answer.get("Errors", [])]
        if kept:
            codes = ", ".join(sorted(set(kept)))
            raise Refused(_SYSTEM, operation, f"{len(kept)} of {len(versions)} versions were kept ({codes})")
        return tuple(asked)

    def abort_uploads(self, bucket: str, prefix: str) -> int:
        """Remove the parts of unfinished uploads below `prefix`; gives how many uploads there were."""
        operation = f"abort unfinished uploads in {bucket}"
        with self._faults(operation):
            paginator = self._client.get_paginator("list_multipart_uploads")
            pages = paginator.paginate(Bucket=bucket, Prefix=prefix)
            uploads = [(item["Key"], item["UploadId"]) for page in pages for item in page.get("Uploads", [])]
        for key, upload_id in uploads:
            try:
                with self._faults(operation):
                    self._client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
            except NotFound:
                continue  # It ended between the listing and now.
        return len(uploads)

    def _complete(
        self,
        operation: str,
        bucket: str,
        key: str,
        upload_id: str,
        parts: list[CompletedPartTypeDef],
        mark: str,
    ) -> None:
        with self._faults(operation):
            if not parts:
                # Of nothing S3 makes no multipart object, so the upload is left to be aborted.
                self._client.put_object(Bucket=bucket, Key=key, Body=b"", Metadata={_UPLOAD_MARK: mark})
                self._client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
                return
            try:
                self._client.complete_multipart_upload(
                    Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
                )
            except ClientError as error:
                if error_code(error) != "NoSuchUpload":
                    raise
                # The answer to an earlier try was lost: the object of this upload tells.
                stored = self._client.head_object(Bucket=bucket, Key=key)
                if stored.get("Metadata", {}).get(_UPLOAD_MARK) != mark:
                    raise

    @contextmanager
    def _faults(self, operation: str) -> Iterator[None]:
        with aws_faults(_SYSTEM, operation):
            yield


def connect(endpoint_url: str | None, region: str, access_key: str | None, secret_key: str | None) -> S3:
    """A client for `endpoint_url`, or AWS when None. Without keys boto3's own chain is used."""
    config = Config(
        # With an endpoint of one's own boto3 would otherwise presign with SigV2.
        signature_version="s3v4",
        s3={"addressing_style": "path"} if endpoint_url else {},
        connect_timeout=5,
        read_timeout=60,
        retries={"total_max_attempts": 4, "mode": "standard"},
    )
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=config,
    )
    return S3(client)


def _part_sizes() -> Iterator[int]:
    """Part sizes that grow with the object: S3's 10,000 parts then hold 430 GiB, small ones stay small."""
    number = 0
    while True:
        yield _PART * (1 + number // _PARTS_OF_A_SIZE)
        number += 1
