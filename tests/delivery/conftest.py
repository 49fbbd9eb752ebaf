"""What the tests of delivery share: a clock that stands still until it is moved, S3 by moto, a link store."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import Engine, create_engine, event

from casework.delivery.keys import KeyFile, KeyStore
from casework.delivery.links import Links, SealedFile, metadata
from casework.sandbox.inprocess import httpx_transport, requests_adapter
from casework.sandbox.world import World
from casework.systems import kms as kms_client
from casework.systems import s3 as s3_client
from casework.systems.dropbox import Dropbox
from casework.systems.kms import Kms
from casework.systems.onedrive import App, OneDrive
from casework.systems.s3 import S3

SECRET = b"a secret of the tests, 32 bytes.."


@dataclass
class Clock:
    at: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_time(self, **amount: float) -> None:
        self.at += timedelta(**amount)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys" / "keys.sqlite", KeyFile(tmp_path / "keys" / "kek"))


def _as_in_production_but_unsynced(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path}/links.sqlite", connect_args={"timeout": 30})
    event.listen(engine, "connect", _as_in_production_but_unsynced)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def links(engine: Engine, clock: Clock) -> Links:
    return Links(engine, SECRET, clock)


def sealed_file(deliverable_id: str = "d-1", **change: Any) -> SealedFile:
    told: dict[str, Any] = {
        "case_id": "case-1",
        "deliverable_id": deliverable_id,
        "ticket": "4711",
        "vault": "s3",
        "object_name": f"{deliverable_id}.sealed",
        "key_id": deliverable_id,
        "display_name": "export-case1.zip",
        "plain_size": 1000,
        "plain_sha256": "a" * 64,
        "sealed_size": 1056,
        "sealed_sha256": "b" * 64,
    }
    return SealedFile(**{**told, **change})


@pytest.fixture(scope="session")
def _moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: S3) -> str:
    """A bucket with versioning and object lock, of this test's own."""
    name = f"bucket-{uuid.uuid4().hex}"
    s3._client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


@pytest.fixture
def world(clock: Clock, tmp_path: Path) -> Iterator[World]:
    world = World(clock, folder=tmp_path / "sandbox", business=True)
    yield world
    world.close()


@pytest.fixture
def dropbox(world: World) -> Dropbox:
    hosts = ("https://api.dropboxapi.com", "https://content.dropboxapi.com")
    adapters = {host: requests_adapter(world, "dropbox") for host in hosts}
    return Dropbox(world.credentials["dropbox_token"], adapters=adapters, sleep=lambda _: None)


@pytest.fixture
def onedrive(world: World) -> OneDrive:
    known = world.credentials
    return OneDrive(
        known["onedrive_drive"],
        App(known["onedrive_tenant"], known["onedrive_client_id"], known["onedrive_client_secret"]),
        url="https://graph.example/v1.0",
        login_url="https://login.example",
        transport=httpx_transport(world, "onedrive"),
        sleep=lambda _: None,
    )


@pytest.fixture
def s3(_moto: str) -> S3:
    return s3_client.connect(_moto, "us-east-1", "test", "test")


@pytest.fixture
def kms(_moto: str) -> Kms:
    """A key management service with a key of this test's own."""
    made = kms_client.connect(_moto, "us-east-1", "test", "test", "none yet")
    key = made._client.create_key()["KeyMetadata"]["KeyId"]
    return kms_client.connect(_moto, "us-east-1", "test", "test", key)
