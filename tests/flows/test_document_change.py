"""The forms of a document change, and when the Monday notice starts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from prefect.server.schemas.schedules import CronSchedule
from pydantic import ValidationError

from casework.wait import Form
from deployments import DEPLOYMENTS
from deployments.triggers import titled
from flows import document_change_forms as forms
from flows.asking import office


@pytest.mark.parametrize(
    ("form", "values", "valid"),
    [
        (forms.Clarification, {"decision": "look again"}, True),
        (forms.Clarification, {"decision": "look again", "change": "add", "documents": 1}, True),
        (forms.Clarification, {"decision": "look again", "change": "add"}, False),
        (forms.Clarification, {"decision": "look again", "documents": 2}, False),
        (forms.Clarification, {"decision": "look again", "change": "add", "documents": 0}, False),
        (forms.Clarification, {"decision": "withdrawn: close the request", "change": "add", "documents": 1}, False),
        (forms.Reading, {"decision": "confirmed: the document is right"}, True),
        (forms.Reading, {"decision": "perhaps"}, False),
        (forms.News, {"comment": 4}, True),
        (forms.News, {"state": "ready"}, True),
        (forms.News, {}, False),
        (forms.News, {"comment": 4, "state": "ready"}, False),
        (forms.FollowUp, {"decision": "close the ticket"}, True),
        (forms.FollowUp, {"decision": "close the ticket", "by": "staff-1"}, False),
    ],
)
def test_what_can_be_answered(form: type[Form], values: dict[str, object], valid: bool) -> None:
    """Each form takes what it has to and nothing else."""
    if valid:
        assert form.model_validate(values)
    else:
        with pytest.raises(ValidationError):
            form.model_validate(values)


async def _next(schedule: CronSchedule, start: datetime) -> Sequence[datetime]:
    return await schedule.get_dates(3, start)


def test_the_notice_starts_on_mondays() -> None:
    """Its schedule is Monday, 10:00 on the wall of the office's zone, over daylight saving: as Prefect reads it."""
    (timed,) = next(one for one in DEPLOYMENTS if one.process == "onboard-reset-notice").schedules
    schedule = CronSchedule(cron=timed.cron, timezone=timed.zone)
    found = asyncio.run(_next(schedule, datetime(2026, 3, 1, tzinfo=UTC)))
    local = [moment.astimezone(office.zone) for moment in found]
    assert [(one.weekday(), one.hour, one.minute, one.day) for one in local] == [
        (0, 10, 0, 2),
        (0, 10, 0, 9),
        (0, 10, 0, 16),
    ]
    assert [moment.astimezone(UTC).hour for moment in found] == [18, 17, 17]


@pytest.mark.parametrize(
    ("summary", "processes"),
    [("Document Survey: Vellumgate", ["document-change"]), ("Document survey", []), ("Re: Document Survey: x", [])],
)
def test_titles(summary: str, processes: list[str]) -> None:
    """A summary that begins exactly so has the process."""
    assert [title.process for title in titled(summary)] == processes
