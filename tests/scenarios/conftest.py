from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import flows  # noqa: F401 - registers the processes
from casework.sandbox import aws
from tests.scenarios.office import Office


@pytest.fixture(scope="session")
def cloud() -> Iterator[aws.Aws]:
    """S3 and SES for the session; cases keep to their own prefixes."""
    with aws.running() as cloud:
        yield cloud


@pytest.fixture
def office(tmp_path: Path, cloud: aws.Aws) -> Iterator[Office]:
    """A fresh office on a Monday morning."""
    with Office(tmp_path, cloud) as office:
        yield office
