"""The shape of the process file, its forms, and how often operators are reminded."""

from __future__ import annotations

import ast
import importlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from casework import clock
from casework.clock import Days, Until, WorkingDays
from casework.wait import Form
from flows import asking
from flows import data_export_forms as forms
from flows import deliver_file_forms as bring
from flows import handing_over_forms as handover

ANOTHER = "void the link, and send a new one from another vault"
PROCESSES = (
    *("asking", "data_export", "deliver_file", "document_change"),
    *("handing_over", "inbox_digest", "onboard_reset_notice"),
)
MONDAY = datetime(2026, 3, 2, 17, tzinfo=UTC)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_file_keeps_to_its_room(name: str) -> None:
    """A process knows no HTTP, no SQL, no environment, no vendor and no `try`: it decides, acts and waits."""
    tree = ast.parse(Path(str(importlib.import_module(f"flows.{name}").__file__)).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    ours = {"casework", "flows", "policies", "tasks"}
    assert imported - ours <= {
        "__future__", "collections", "dataclasses", "datetime", "enum", "itertools", "typing", "zoneinfo",
    }  # fmt: skip
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Try)]


@pytest.mark.parametrize(
    ("form", "values", "valid"),
    [
        (forms.Approval, {"verdict": "approve"}, True),
        (forms.Approval, {"verdict": "approve", "reason": "Fine"}, True),
        (forms.Approval, {"verdict": "deny", "reason": "No"}, True),
        (forms.Approval, {"verdict": "deny"}, False),
        (forms.Approval, {"verdict": "deny", "reason": "  "}, False),
        (forms.Approval, {"verdict": "perhaps"}, False),
        (forms.Approval, {"verdict": "approve", "by": "staff-1"}, False),
        (forms.Exemption, {"decision": "refuse", "reason": "No"}, True),
        (forms.Exemption, {"decision": "refuse"}, False),
        (forms.Exemption, {"decision": "go on", "reason": " "}, False),
        (forms.TeamMeant, {"team": "team-108"}, True),
        (forms.TeamMeant, {"team": ""}, False),
        (forms.TeamMeant, {"team": "team-108; drop"}, False),
        (handover.OtherVault, {"vault": "onedrive"}, True),
        (handover.OtherVault, {"vault": "attic"}, False),
        (handover.OtherVault, {"vault": "manual-transfer"}, False),
        (handover.OtherVault, {"vault": "manual-transfer", "reason": "Theirs is blocked"}, True),
        (handover.HandDestruction, {"decision": "destroyed and looked at"}, True),
        (handover.HandDestruction, {"decision": "cannot be destroyed"}, False),
        (handover.HandDestruction, {"decision": "cannot be destroyed", "reason": "Legal hold"}, True),
        (handover.Unreachable, {"decision": "wait on"}, True),
        (handover.Unreachable, {"decision": "void the link, and send a new one"}, False),
        (handover.Unreachable, {"decision": "void the link, and send a new one", "reason": "Lost"}, True),
        (handover.Unreachable, {"decision": ANOTHER, "reason": "Lost"}, False),
        (handover.Unreachable, {"decision": ANOTHER, "vault": "s3", "reason": "Lost"}, True),
        (handover.Unreachable, {"decision": "wait on", "vault": "s3"}, False),
        (bring.Release, {"decision": "deliver it"}, True),
        (bring.Release, {"decision": "refuse"}, False),
    ],
)
def test_forms(form: type[Form], values: dict[str, str], valid: bool) -> None:
    """Decisions that need a reason have one, choices are the choices, and nothing else can be sent along."""
    if valid:
        assert form.model_validate(values)
    else:
        with pytest.raises(ValidationError):
            form.model_validate(values)


@given(st.integers(1, 60))
def test_operators_are_reminded_each_working_day(days: int) -> None:
    """A question that is open for n working days brings n - 1 reminders, all before its end."""
    within = WorkingDays(days, asking.office)
    with clock.use(lambda: MONDAY):
        moments = [delay.after(MONDAY) for delay in asking.every_so_often(1, within)]
    assert len(moments) == days - 1
    assert moments == sorted(set(moments))
    assert all(MONDAY < moment < within.after(MONDAY) for moment in moments)


def test_reminders_until_a_moment() -> None:
    """Fourteen days until a fixed moment, two weekends in them, bring nine reminders."""
    until = Until(Days(14, asking.office).after(MONDAY))
    with clock.use(lambda: MONDAY):
        assert len(asking.every_so_often(1, until)) == 9
