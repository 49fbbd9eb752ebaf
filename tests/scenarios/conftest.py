from __future__ import annotations

import atexit
import importlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import botocore.endpoint
import dropbox.dropbox_client
import pytest

from casework.clock import Minutes
from casework.sandbox import aws
from tests.scenarios import concerns
from tests.scenarios.deliveries import NewOffice, Undisturbed, deliver, effects
from tests.scenarios.departures import Bureau
from tests.scenarios.documents import Studio
from tests.scenarios.escalations import Agency
from tests.scenarios.office import Office, empty
from tests.scenarios.sales import Showroom

Place = TypeVar("Place", bound=Office)

LOOKING = [
    importlib.import_module(f"flows.{name}")
    for name in (
        "asking",
        "data_export",
        "deliver_file",
        "document_change_request",
        "handing_over",
        "offboarding_waits",
        "sales_transfer_asking",
        "tier2",
    )
]
"""The modules whose waits look for themselves."""


@cache
def _running() -> aws.Aws:
    # moto has one memory in a process, so there is one server, also for the folders that borrow this fixture.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(aws.running())


@pytest.fixture(scope="session")
def cloud() -> aws.Aws:
    """S3 and SES for the session; each test finds them empty."""
    return _running()


@pytest.fixture(scope="session")
def undisturbed(cloud: aws.Aws, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The delivered path when nothing goes wrong."""
    empty(cloud)
    with Office(tmp_path_factory.mktemp("undisturbed"), cloud) as office:
        ticket, _ = deliver(office)
        return Undisturbed(office.wire.passed, effects(office, ticket))


def _look_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let cases look for themselves twice a day instead of twice an hour, which makes days pass faster here."""
    for module in LOOKING:
        monkeypatch.setattr(module, "look_every", Minutes(12 * 60))


@pytest.fixture
def new_office(tmp_path: Path, cloud: aws.Aws, monkeypatch: pytest.MonkeyPatch) -> NewOffice:
    """Makes fresh offices on a Monday morning, one after the other; clients that wait before they try again wait in
    virtual time."""
    _look_seldom(monkeypatch)
    numbers = count()

    @contextmanager
    def open_office(url: str | None = None) -> Iterator[Office]:
        empty(cloud)
        folder = tmp_path / f"office-{next(numbers)}"
        folder.mkdir()
        with Office(folder, cloud, url) as office:
            for patient in (botocore.endpoint, dropbox.dropbox_client):
                monkeypatch.setattr(patient, "time", SimpleNamespace(sleep=office.engine.sleep))
            yield office
            office.world.close()

    return open_office


@contextmanager
def open_place(kind: type[Place], folder: Path, cloud: aws.Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """An office of one kind, in a folder of its own, with nothing in the cloud yet."""
    _look_seldom(monkeypatch)
    empty(cloud)
    folder.mkdir(exist_ok=True)
    with kind(folder, cloud) as place:
        yield place
        place.world.close()


@pytest.fixture
def new_studio(
    tmp_path: Path, cloud: aws.Aws, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], AbstractContextManager[Studio]]:
    """Makes fresh offices with Jira and Typeform on a Monday morning."""
    numbers = count()
    return lambda: open_place(Studio, tmp_path / f"studio-{next(numbers)}", cloud, monkeypatch)


@pytest.fixture
def studio(new_studio: Callable[[], AbstractContextManager[Studio]]) -> Iterator[Studio]:
    """A fresh office with Jira and Typeform."""
    with new_studio() as studio:
        yield studio


@pytest.fixture
def new_agency(
    tmp_path: Path, cloud: aws.Aws, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], AbstractContextManager[Agency]]:
    """Makes fresh offices with Salesforce on a Monday morning."""
    _look_seldom(monkeypatch)
    numbers = count()

    @contextmanager
    def open_agency() -> Iterator[Agency]:
        folder = tmp_path / f"agency-{next(numbers)}"
        folder.mkdir()
        with Agency(folder, cloud) as agency:
            yield agency
            agency.world.close()

    return open_agency


@pytest.fixture
def agency(new_agency: Callable[[], AbstractContextManager[Agency]]) -> Iterator[Agency]:
    """A fresh office with Salesforce."""
    with new_agency() as agency:
        yield agency


@pytest.fixture
def concern(new_agency: Callable[[], AbstractContextManager[Agency]]) -> concerns.Quiet:
    """A concern about name and gender when nothing goes wrong."""
    with new_agency() as agency:
        case = concerns.play(agency)
        return concerns.Quiet(agency.wire.passed, concerns.effects(agency, case))


@pytest.fixture
def new_bureau(
    tmp_path: Path, cloud: aws.Aws, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], AbstractContextManager[Bureau]]:
    """Makes fresh offices with HubSpot on a Monday morning."""
    numbers = count()
    return lambda: open_place(Bureau, tmp_path / f"bureau-{next(numbers)}", cloud, monkeypatch)


@pytest.fixture
def bureau(new_bureau: Callable[[], AbstractContextManager[Bureau]]) -> Iterator[Bureau]:
    """A fresh office with HubSpot."""
    with new_bureau() as bureau:
        yield bureau


@pytest.fixture
def new_showroom(
    tmp_path: Path, cloud: aws.Aws, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], AbstractContextManager[Showroom]]:
    """Makes fresh offices with the systems of sales on a Monday morning."""
    numbers = count()
    return lambda: open_place(Showroom, tmp_path / f"showroom-{next(numbers)}", cloud, monkeypatch)


@pytest.fixture
def showroom(new_showroom: Callable[[], AbstractContextManager[Showroom]]) -> Iterator[Showroom]:
    """A fresh office with the systems of sales."""
    with new_showroom() as showroom:
        yield showroom


@pytest.fixture
def office(new_office: NewOffice) -> Iterator[Office]:
    """A fresh office on a Monday morning."""
    with new_office() as office:
        yield office
