"""The office with reps and the revenue board: who confirms hours on Mondays, and who sees to what differs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

import pytest

from casework import systems, tick
from casework.answer import Accepted, Offer, Refused, answer
from casework.engine.simulated import Run
from casework.people import Identity, read_token
from casework.process import processes
from casework.sandbox import aws, seed_documents, seed_hours
from casework.sandbox.jira_issues import ROBOT
from casework.standins import REPS
from casework.systems.jira import Jira
from policies.rep_days import Leave
from policies.rota import Rostered
from tests.desk import SECRET
from tests.scenarios.office import START, Office

__all__ = ["COORDINATOR", "LATER", "MONDAY", "NewRoom", "Room", "new_room", "room"]

PAGE = "https://jira.example/browse/{issue}"
COORDINATOR = "staff-18"
MONDAY = date(2026, 3, 9)
LATER = datetime(2026, 3, 8, 12, tzinfo=UTC)
"""The Sunday before the board's second week: Monday is the 9th."""


class Room(Office):
    """One deployment with Jira's revenue board, three reps and their coordinator."""

    def __init__(self, folder: Path, cloud: aws.Aws) -> None:
        super().__init__(folder, cloud)
        connected = systems.current()
        places = systems.JiraPlaces(
            issue_page=PAGE,
            support_project=seed_documents.SUPPORT,
            configuration_project=seed_documents.CONFIGURATION,
            needs_configuration_field=seed_documents.NEEDS_CONFIGURATION,
            organizations_field=seed_documents.ORGANIZATIONS,
            request_type_field=seed_documents.REQUEST_TYPE,
            survey_response_field=seed_documents.SURVEY_RESPONSE,
        )
        board = systems.RevenueBoard(seed_hours.REVENUE, seed_hours.HOURS, seed_hours.DAY)
        self.jira = self.client(Jira, "jira", "https://jira.example", "email", "token")
        around = replace(connected.places, jira=places, revenue_board=board)
        systems.use(replace(connected, jira=self.jira, places=around))
        cast("dict[str, tuple[str, ...]]", self.runtime.roles)["support-coordinator"] = (COORDINATOR,)
        for one in REPS:
            self.roster(one)

    def roster(self, rep: Rostered, **changes: Any) -> None:
        """The settings say this of a rep from now on."""
        cast("dict[str, Rostered]", self.runtime.rota)[rep.id] = rep.model_copy(update=changes)

    def known(self, rep: str) -> Rostered:
        """A rep as the settings have them."""
        return cast("Rostered", self.runtime.rota[rep])

    def leave(self, rep: str, first: date, last: date) -> None:
        """A rep is away."""
        self.roster(self.known(rep), leave=(Leave(first=first, last=last),))

    def until(self, moment: datetime) -> None:
        """Let time pass until then."""
        self.advance(seconds=(moment - self.engine.time).total_seconds())

    # -- the people

    def review(self, rep: str = "staff-14") -> Run:
        """A review, as its schedule opens it."""
        with self.wire.still():
            subject = processes["schedule-review"].subject_of({"rep": rep})
            case_id, _ = tick.start(self.runtime, "schedule-review", subject, {"rep": rep})
        assert case_id is not None
        self.settle()
        return self.engine.runs[case_id]

    def push(self, staff: str, action: str) -> Accepted | Refused:
        """Somebody presses a button that answers at once, of the newest message that has it."""
        (channel,) = self.direct_messages(staff)
        with self.wire.still():
            self.people.csm.press(channel, f"decide:{action}", staff)
            (delivery,) = self.world.take_deliveries("slack")
            pressed = json.loads(parse_qs(delivery.body.decode())["payload"][0])
            asked = read_token(SECRET, pressed["actions"][0]["value"])
            identity = Identity(kind="slack", value=pressed["user"]["id"])
            field, _, value = action.partition("=")
            said = answer(Offer(asked.case_id, asked.wait, {field: value}, "slack", identity))
        self.settle()
        return said

    def set_hours(self, issue: str, hours: Any, **fields: Any) -> None:
        """The coordinator changes an issue of the board."""
        given = {seed_hours.HOURS: hours, **fields}
        self.people.agent.edit_issue(issue, given, COORDINATOR)
        self.world.take_deliveries("jira")

    # -- what can be seen

    def board(self, rep: str, day: date | None = None) -> str:
        """The open issue of the board with a rep's hours of a date, or of each week."""
        account = seed_hours.account(rep)
        (found,) = [
            key
            for key, one in self.world.state["jira"]["issues"].items()
            if one["fields"].get("assignee") == account
            and one["fields"].get(seed_hours.HOURS) is not None
            and one["fields"][seed_hours.DAY] == (day.isoformat() if day else None)
            and one["fields"]["status"] == seed_hours.PLANNED
        ]
        return str(found)

    def comments(self) -> list[tuple[str, str]]:
        """What our account has written on issues of the board: (issue, text)."""
        with self.wire.still():
            return [
                (key, re.sub(r"\s*\nRef \S+$", "", one.text))
                for key in self.world.state["jira"]["issues"]
                if key.startswith(seed_hours.REVENUE)
                for one in self.jira.comments(key)
                if one.author == ROBOT
            ]

    def buttons(self, staff: str) -> list[list[str]]:
        """The actions of the buttons below each message that somebody has in Slack."""
        return [
            [button["action_id"] for block in message["blocks"] for button in block.get("elements", ())]
            for channel in self.direct_messages(staff)
            for message in self.world.state["slack"]["messages"][channel]
        ]


NewRoom = Callable[[], AbstractContextManager[Room]]


@pytest.fixture
def new_room(tmp_path: Path, cloud: aws.Aws) -> NewRoom:
    """Makes fresh offices with the revenue board on a Monday morning, 9:00 in the office's zone."""
    numbers = count()

    @contextmanager
    def open_room() -> Iterator[Room]:
        folder = tmp_path / f"room-{next(numbers)}"
        folder.mkdir()
        with Room(folder, cloud) as room:
            assert room.engine.time == START
            yield room
            room.world.close()

    return open_room


@pytest.fixture
def room(new_room: NewRoom) -> Iterator[Room]:
    """A fresh office with the revenue board, on the Sunday before the board's second week."""
    with new_room() as room:
        room.until(LATER)
        yield room
