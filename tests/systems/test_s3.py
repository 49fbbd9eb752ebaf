"""The S3 client on moto: streams, versions, deletion that is looked at, and failures on the way."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from traceback import format_exception
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber
from moto import mock_aws

from casework.systems import s3 as s3_module
from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary
from casework.systems.s3 import S3, connect

DROP = "drop"
MIB = 1 << 20


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_bucket(Bucket=DROP)
        client.put_bucket_versioning(Bucket=DROP, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def s3(client: Any) -> S3:
    return S3(client)


@pytest.mark.parametrize(
    ("start", "end"), [(None, None), (0, 10), (3, 7), (7, None), (None, 4), (5, 5), (9, 10), (0, 99)]
)
def test_ranges_are_half_open(s3: S3, start: int | None, end: int | None) -> None:
    """`read(start, end)` gives what slicing the object's bytes would give."""
    s3.put(DROP, "case/a", b"0123456789")
    assert b"".join(s3.read(DROP, "case/a", start, end)) == b"0123456789"[start:end]


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (4, 3)])
def test_a_range_that_is_none_is_an_error(s3: S3, start: int, end: int) -> None:
    """Negative or backward ranges are refused before anything is asked."""
    with pytest.raises(ValueError, match="not a range"):
        list(s3.read(DROP, "case/a", start, end))


def test_what_is_not_there(s3: S3) -> None:
    """Reading raises NotFound; looking gives None; a missing bucket is a matter of settings."""
    with pytest.raises(NotFound):
        list(s3.read(DROP, "absent"))
    assert s3.head(DROP, "absent") is None
    with pytest.raises(Misconfigured, match="NoSuchBucket"):
        list(s3.objects("absent-bucket", "case/"))


def test_objects_are_listed_below_a_prefix_over_pages(client: Any, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pages are read, in the order of keys, and only the prefix."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for number in range(10):
        client.put_object(Bucket=DROP, Key=f"case/{number:04}", Body=b"x")
    s3.put(DROP, "other/x", b"x")
    found = list(s3.objects(DROP, "case/"))
    assert [item.key for item in found] == [f"case/{number:04}" for number in range(10)]
    assert found[0].size == 1


@pytest.mark.parametrize("size", [0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 17 * MIB])
def test_a_stream_is_stored_whole(s3: S3, size: int) -> None:
    """Around every part edge the stored object is what was streamed, and progress ends at its size."""
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    told: list[int] = []
    stored = s3.upload(DROP, "vault/a", (content[at : at + 700_001] for at in range(0, size, 700_001)), told.append)
    assert (stored.size, stored.version_id is not None) == (size, True)
    assert b"".join(s3.read(DROP, "vault/a")) == content
    assert told == sorted(told)
    assert told[-1:] == ([size] if size else [])
    assert s3.abort_uploads(DROP, "vault/") == 0


def test_a_broken_source_leaves_nothing(client: Any, s3: S3) -> None:
    """When the stream breaks, its error comes through, no object appears and no parts remain."""

    def broken() -> Iterator[bytes]:
        yield b"x" * (9 * MIB)
        raise ConnectionResetError("source")

    with pytest.raises(ConnectionResetError):
        s3.upload(DROP, "vault/a", broken())
    assert s3.head(DROP, "vault/a") is None
    assert client.list_multipart_uploads(Bucket=DROP).get("Uploads", []) == []


def test_a_clean_up_that_fails_too_is_told(client: Any, s3: S3) -> None:
    """The first error stays the error; that parts remain is added to it."""

    def fail(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="x")

    client.meta.events.register("before-send.s3.AbortMultipartUpload", fail)

    def broken() -> Iterator[bytes]:
        yield b"x" * (9 * MIB)
        raise ConnectionResetError("source")

    with pytest.raises(ConnectionResetError) as caught:
        s3.upload(DROP, "vault/a", broken())
    assert any("still there" in note for note in caught.value.__notes__)
    client.meta.events.unregister("before-send.s3.AbortMultipartUpload", fail)
    assert s3.abort_uploads(DROP, "vault/") == 1
    assert s3.abort_uploads(DROP, "vault/") == 0


@pytest.mark.parametrize("ours", [True, False])
def test_a_lost_completion_is_recognised_by_its_mark(
    client: Any, s3: S3, monkeypatch: pytest.MonkeyPatch, ours: bool
) -> None:
    """ "No such upload" after a completion counts as done only when the object is this upload's own."""
    complete = client.complete_multipart_upload

    def answered_twice(**arguments: Any) -> Any:
        if ours:
            complete(**arguments)
        else:
            client.put_object(Bucket=DROP, Key="vault/a", Body=b"someone else's")
        raise ClientError({"Error": {"Code": "NoSuchUpload"}}, "CompleteMultipartUpload")

    monkeypatch.setattr(client, "complete_multipart_upload", answered_twice)
    if ours:
        assert s3.upload(DROP, "vault/a", [b"content"]).size == 7
    else:
        with pytest.raises(NotFound):
            s3.upload(DROP, "vault/a", [b"content"])


def test_uploading_needs_memory_for_parts_only(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Storing 96 MiB holds a few parts at a time; moto, which keeps what it gets, gets no parts."""
    sizes: list[int] = []
    kept = s3._client.upload_part

    def small(**arguments: Any) -> Any:
        sizes.append(len(arguments["Body"]))
        return kept(**{**arguments, "Body": b"x"})

    monkeypatch.setattr(s3._client, "upload_part", small)
    monkeypatch.setattr(s3, "_complete", lambda *_: None)
    tracemalloc.start()
    with pytest.raises(Refused, match="differs"):
        s3.upload(DROP, "vault/a", (b"x" * MIB for _ in range(96)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sizes == [8 * MIB] * 12
    assert peak < 32 * MIB


def fill(s3: S3) -> None:
    for key in ("case-1/data.csv", "case-1/data.csv", "case-1/data.csv.bak", "case-10/data.csv"):
        s3.put(DROP, key, b"x")


def test_versions_are_of_exactly_this_key(client: Any, s3: S3) -> None:
    """A key lists itself with its delete markers, not keys that start like it; a prefix ends with a slash."""
    fill(s3)
    client.delete_object(Bucket=DROP, Key="case-1/data.csv")
    found = s3.versions(DROP, "case-1/data.csv")
    assert [(v.key, v.delete_marker, v.latest) for v in found] == [
        ("case-1/data.csv", False, False),
        ("case-1/data.csv", False, False),
        ("case-1/data.csv", True, True),
    ]
    assert {v.key for v in s3.versions(DROP, "case-1/")} == {"case-1/data.csv", "case-1/data.csv.bak"}
    assert s3.versions(DROP, "case-1") == []
    with pytest.raises(ValueError, match="whole bucket"):
        s3.versions(DROP, "")


def test_deleting_versions_leaves_nothing_of_them(client: Any, s3: S3) -> None:
    """After deletion a new listing is empty, neighbours stay, and doing it again is no error."""
    fill(s3)
    client.delete_object(Bucket=DROP, Key="case-1/data.csv")
    versions = s3.versions(DROP, "case-1/")
    assert len(s3.delete_versions(DROP, versions)) == 1
    assert s3.versions(DROP, "case-1/") == []
    assert len(s3.versions(DROP, "case-10/")) == 1
    s3.delete_versions(DROP, versions)


def test_more_versions_than_one_request_takes(client: Any, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 takes 1,000 keys a request and lists as many; more are listed and deleted over several."""
    assert s3_module._DELETE_BATCH == 1000
    monkeypatch.setattr(s3_module, "_DELETE_BATCH", 6)
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "4")
    for number in range(11):
        client.put_object(Bucket=DROP, Key=f"case-1/{number}", Body=b"")
    assert len(s3.delete_versions(DROP, s3.versions(DROP, "case-1/"))) == 2
    assert s3.versions(DROP, "case-1/") == []


def test_a_locked_version_is_refused_although_s3_says_200(client: Any) -> None:
    """Object lock keeps a version with status 200: that is an error here, after the others are gone."""
    client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC) + timedelta(days=1)
    client.put_object(
        Bucket="locked", Key="c/a", Body=b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until
    )
    client.put_object(Bucket="locked", Key="c/b", Body=b"x")
    s3 = S3(client)
    with pytest.raises(Refused, match=r"1 of 2 versions were kept \(AccessDenied\)"):
        s3.delete_versions("locked", s3.versions("locked", "c/"))
    assert [v.key for v in s3.versions("locked", "c/")] == ["c/a"]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("SlowDown", 503, Temporary),
        ("InternalError", 500, Temporary),
        ("Odd", 502, Temporary),
        ("AccessDenied", 403, Misconfigured),
        ("SignatureDoesNotMatch", 403, Misconfigured),
        ("NoSuchKey", 404, NotFound),
        ("InvalidRange", 416, Refused),
    ],
)
def test_each_code_has_its_kind(client: Any, s3: S3, code: str, status: int, kind: type[SystemFault]) -> None:
    """S3's codes become our kinds; keys and S3's sentences are not told."""
    with Stubber(client) as stub:
        stub.add_client_error("get_object", code, service_message="Marlowe's object", http_status_code=status)
        key = "case/marlowe.csv"
        with pytest.raises(kind) as caught:
            list(s3.read(DROP, key))
    assert "arlowe" not in "".join(format_exception(caught.value))
    assert caught.value.status == status


def test_an_unreachable_endpoint_is_temporary() -> None:
    """Nothing listens: worth trying again. The connection signs with version 4 and retries a bounded time."""
    s3 = connect("http://127.0.0.1:9", "us-east-1", "x", "x")
    config: Any = s3._client.meta.config
    assert config.signature_version == "s3v4"
    assert config.retries["total_max_attempts"] == 4
    with pytest.raises(Temporary, match="EndpointConnectionError"):
        s3.head(DROP, "a")
