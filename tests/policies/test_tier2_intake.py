"""The intake: record and subject first, key words second, and an agent for whatever is unclear."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import review_escalation
from policies import tier2_intake as policy
from policies.messages import CATALOGUES
from policies.numbers import NumbersError, load
from policies.tier2_intake import AskAgent, By, Process, Routed, Tier2IntakeNumbers, route

REVIEW, REFUND, PRIVACY, IDENTITY = Process


@pytest.mark.parametrize(
    ("reasons", "subject", "text", "process", "by"),
    [
        (("Review Escalation",), "", "", REVIEW, By.RECORD),
        (("Booking Refund",), "Edit Review", "queer", REFUND, By.RECORD),
        (("Account Management", "Data Deletion"), "", "", PRIVACY, By.RECORD),
        (("data  deletion",), "", "", PRIVACY, By.RECORD),
        (("Data Deletion Failed",), "Edit Review", "", REVIEW, By.SUBJECT),
        ((), "Remove Review 00012345", "", REVIEW, By.SUBJECT),
        ((), "Cancellation fee", "", REFUND, By.SUBJECT),
        ((), "DSAR", "", PRIVACY, By.SUBJECT),
        ((), "My display name", "", IDENTITY, By.SUBJECT),
        ((), "Edit Review", "I am non-binary", REVIEW, By.SUBJECT),
        ((), "Hello", "I am non-binary", IDENTITY, By.KEY_WORD),
        ((), "LGBTQ+", "", IDENTITY, By.KEY_WORD),
    ],
)
def test_what_a_case_is(reasons: tuple[str, ...], subject: str, text: str, process: Process, by: By) -> None:
    """The record counts before the subject, the subject before key words."""
    routed = route(reasons, subject, text)
    assert isinstance(routed, Routed)
    assert (routed.process, routed.by) == (process, by)
    assert routed.why


@pytest.mark.parametrize(
    ("reasons", "subject", "text", "candidates"),
    [
        ((), "Hello", "my sitter was late", tuple(Process)),
        ((), "Edit Review about a Booking Refund", "", (REVIEW, REFUND)),
        (("Review Escalation", "Booking Refund"), "DSAR", "", (REVIEW, REFUND)),
        ((), "Edit Review, DSAR", "I am queer", (REVIEW, PRIVACY)),
        ((), "Edit Reviews", "", tuple(Process)),
    ],
)
def test_unclear_is_asked(reasons: tuple[str, ...], subject: str, text: str, candidates: tuple[Process, ...]) -> None:
    """Nothing, or more than one thing, is for an agent, who sees what it could be."""
    asked = route(reasons, subject, text)
    assert isinstance(asked, AskAgent)
    assert asked.candidates == candidates
    assert asked.why


@pytest.mark.parametrize("subject", ["Edit Review", "Edit Review, DSAR", "Hello"])
def test_care_is_taken_whatever_the_process(subject: str) -> None:
    """A key word is told of with every process, so that the reply's name is looked at."""
    assert route((), subject, "They deadname me").key_word is not None
    assert route((), subject, "They are late").key_word is None


@given(st.lists(st.text(), max_size=3).map(tuple), st.text(), st.text())
def test_nothing_that_was_written_comes_out(reasons: tuple[str, ...], subject: str, text: str) -> None:
    """Whatever is written, the answer is made of our own words only."""
    mark = "zqxzqx"
    routed = route(reasons, f"{subject} {mark}", f"{text} {mark}")
    assert mark not in repr(routed)


@given(st.permutations(["Review Escalation", "Booking Refund", "x"]), st.text())
def test_the_order_of_reasons_is_nothing(reasons: list[str], subject: str) -> None:
    """Which of the reasons comes first does not matter."""
    assert route(tuple(reasons), subject, "") == route(tuple(sorted(reasons)), subject, "")


def test_the_question_offers_every_process() -> None:
    """The question's message knows each process by its name."""
    template = CATALOGUES["tier2_intake"]["question-which-process"]
    assert template.variables["candidates"] == [process.value for process in Process]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("question_escalation_working_days = 2 ", "question_escalation_working_days = 1 ", "must come after"),
        ('"Cancellation Fee"', '"edit review"', "subjects: a phrase can stand for one process only"),
        ('["Booking Refund"]', '["Data deletion"]', "reasons: a phrase can stand for one process only"),
        ('["Gender Identity", "Gender Sensitivity"]', "[]", "reasons.identity_concern"),
    ],
)
def test_wrong_numbers_stop_the_start(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """Each value that cannot be is told by name."""
    text = Path(policy.__file__).with_name("tier2_intake.toml").read_text()
    assert old in text
    path = tmp_path / "tier2_intake.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(NumbersError) as caught:
        load(Tier2IntakeNumbers, path)
    assert problem in str(caught.value)


def test_the_intake_knows_what_reviews_are_asked_for_by() -> None:
    """The subjects that make a case a review escalation are those that the review escalation reads."""
    reviews = review_escalation.NUMBERS
    assert policy.NUMBERS.subjects.review_escalation == (*reviews.edit_phrases, *reviews.remove_phrases)
