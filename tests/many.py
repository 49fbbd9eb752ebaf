"""Thousands of open questions, put into the case database as their cases would have left them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import insert

from casework.case import GENESIS
from casework.schema import cases, waits
from tests.desk import Desk
from tests.toy import ANA, Approval


def fill(desk: Desk, count: int, first_due: datetime, apart: timedelta = timedelta(0)) -> list[str]:
    """Open questions of as many cases; the first is due at a moment, each other one `apart` later. The case ids."""
    ids = [f"many-{number:05}" for number in range(count)]
    asked = desk.engine.now()
    case_rows = [
        {
            "case_id": case_id,
            "process": "many",
            "subject": f"toy:many:{case_id}",
            "occurrence": 1,
            "opened_at": asked,
            "epoch": 1,
            "last_seq": 0,
            "last_hash": GENESIS,
            "settled": False,
        }
        for case_id in ids
    ]
    wait_rows = [
        {
            "case_id": case_id,
            "wait": "q/1",
            "state": "open",
            "form": Approval.form_name(),
            "role": "owner",
            "who": [ANA.model_dump(mode="json")],
            "not_by": [],
            "quorum": {"needs": 1},
            "verified": True,
            "question": "?",
            "looks": False,
            "asked_at": asked,
            "due_at": first_due + number * apart,
            "next_at": first_due + number * apart,
            "pause_keys": [],
        }
        for number, case_id in enumerate(ids)
    ]
    with desk.files.writing() as connection:
        connection.execute(insert(cases), case_rows)
        connection.execute(insert(waits), wait_rows)
    return ids
