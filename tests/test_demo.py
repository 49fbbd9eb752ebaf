"""The plays of the demo: each is of a process that there is, and says to people's forms what they take."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner

import flows
from casework import demo_documents, demo_offboarding, demo_privacy, demo_sales
from casework.cli import app
from casework.demo import PLAYS, run
from casework.process import processes
from flows.document_change_forms import Reading
from flows.offboarding_forms import Housekeeping, Said, Word
from flows.privacy_request_forms import Agreement, AskedFor
from flows.sales_transfer_forms import CustomerOutcome, LeadThread, Take, TakeLead, Thread
from flows.sales_transfer_lead_forms import MissingFields
from policies.sales_transfer_numbers import NUMBERS

ROOT = Path(__file__).parents[1]


def test_each_play_is_of_a_process() -> None:
    """A play by another name would wait for a case that never opens."""
    assert set(PLAYS) <= set(processes), flows.__all__


def test_where_plays_are_told_of() -> None:
    """Whoever looks for a play finds its name in the command's help, in that of make, and in the reference."""
    said = CliRunner().invoke(app, ["demo", "--help"], env={"COLUMNS": "200"}).output
    for process in PLAYS:
        assert process in said
        assert f"`{process}`" in (ROOT / "docs/reference/cli.md").read_text()
        assert process == "data-export" or process in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize(
    ("form", "field", "said"),
    [
        (AskedFor, "asked", demo_privacy.DELETE),
        (Agreement, "decision", demo_privacy.AGREED),
        (Reading, "decision", demo_documents.CHANGES),
        (Reading, "decision", demo_documents.CONFIRMED),
        (Said, "said", demo_offboarding.DATA_WANTED),
        (Housekeeping, "decision", demo_offboarding.DONE),
        (Take, "decision", demo_sales.TAKEN),
        (TakeLead, "decision", demo_sales.TAKEN),
        (Thread, "decision", demo_sales.SENT),
        (LeadThread, "decision", demo_sales.SENT_TO_LEAD),
        (CustomerOutcome, "decision", demo_sales.MINE),
    ],
)
def test_what_people_answer_is_taken(form: type, field: str, said: str) -> None:
    """The plays know the forms' choices by their words, as people do."""
    assert TypeAdapter(form).validate_python({field: said})


def test_where_the_answers_are_is_said() -> None:
    """That the exit interview was held is taken only together with the place of its answers."""
    assert Said.model_validate({"said": demo_offboarding.HELD, "answers": demo_offboarding.ANSWERS}).said is Word.HELD


def test_what_is_known_of_a_lead_is_taken() -> None:
    """The fields of the form about a lead are taken as they are typed, and the play lets enough time pass."""
    assert MissingFields.model_validate(demo_sales.KNOWN).told() == {"ats", "website"}
    assert NUMBERS.lead.sync_minutes < demo_sales.SYNC_MINUTES
    assert NUMBERS.look_minutes < demo_sales.LOOK_MINUTES


@pytest.mark.parametrize(
    ("play", "process", "problem"), [("you", "data-export", "--play"), (None, "tidy", "no play of")]
)
def test_what_there_is_no_play_of(play: str | None, process: str, problem: str) -> None:
    """It is refused before anything is started."""
    with pytest.raises(ValueError, match=problem):
        run(once=True, play=play, process=process)
