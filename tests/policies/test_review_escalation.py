"""Review escalations: what the subject must say, which reviews may be changed, who agrees: tables and properties."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import review_escalation as policy
from policies.messages import CATALOGUES
from policies.numbers import NumbersError, load
from policies.review_escalation import Ask, BackToTier1, CaseNow, Change, Ending, Go, Missing, Review, Stop
from policies.review_escalation_numbers import ReviewEscalationNumbers

MESSAGES = CATALOGUES["review_escalation"]
CHANGE, WHICH, NUMBER, WHICH_NUMBER, REVIEW = Missing


@pytest.mark.parametrize(
    ("subject", "change", "number", "missing"),
    [
        ("Edit Review 00012345", Change.EDIT, "00012345", ()),
        ("Remove Review - case #00012345", Change.REMOVE, "00012345", ()),
        ("REMOVE  review (00012345)", Change.REMOVE, "00012345", ()),
        ("Case-00012345: edit review.", Change.EDIT, "00012345", ()),
        ("Edit Review 00012345, again 00012345", Change.EDIT, "00012345", ()),
        ("Edit Review", Change.EDIT, None, (NUMBER,)),
        ("Edit Review 0001234", Change.EDIT, None, (NUMBER,)),
        ("Edit Review 000123456", Change.EDIT, None, (NUMBER,)),
        ("Edit Review a00012345", Change.EDIT, None, (NUMBER,)),
        ("Edit Review 555-00012345", Change.EDIT, None, (NUMBER,)),
        ("Edit Review 00012345.99", Change.EDIT, None, (NUMBER,)),
        ("Edit Review 00012345 or 00012346", Change.EDIT, None, (WHICH_NUMBER,)),
        ("Review 00012345", None, "00012345", (CHANGE,)),
        ("Edit Reviews 00012345", None, "00012345", (CHANGE,)),
        ("Edit Review or Remove Review 00012345", None, "00012345", (WHICH,)),
        ("", None, None, (CHANGE, NUMBER)),
        ("Edit Review, Remove Review 00012345 00012346", None, None, (WHICH, WHICH_NUMBER)),
    ],
)
def test_what_a_subject_says(
    subject: str, change: Change | None, number: str | None, missing: tuple[Missing, ...]
) -> None:
    """What is wanted and the case number, in any case and place; everything that is missing or could be several."""
    assert policy.ask(subject) == Ask(change=change, case_number=number, missing=missing)


@given(st.text(), st.sampled_from(["Edit Review", "Remove Review"]), st.text())
def test_one_phrase_is_never_read_as_the_other(before: str, phrase: str, after: str) -> None:
    """Whatever stands around it, a subject with one phrase is read as that one, as both, or as nothing."""
    change = policy.ask(f"{before} . {phrase} . {after}").change
    assert change in (None, Change.EDIT if phrase.startswith("Edit") else Change.REMOVE)


EDIT = policy.ask("Edit Review 00012345")
REMOVE = policy.ask("Remove Review 00012345")


@pytest.mark.parametrize(
    ("status", "goes_on"),
    [
        ("Approved", True),
        ("Edited", True),
        ("approved", True),
        ("Rejected", False),
        ("Pending", False),
        ("Not Approved", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("asked", [EDIT, REMOVE])
def test_only_approved_or_edited_reviews(asked: Ask, status: str, goes_on: bool) -> None:
    """Any other status stops the case and says so; a removal alone needs a second agent."""
    decision = policy.decide(asked, [Review(id="r-1", status=status)])
    if goes_on:
        assert isinstance(decision, Go)
        assert (decision.change, decision.review) == (asked.change, "r-1")
        assert decision.second_agent is (asked.change is Change.REMOVE)
    else:
        assert isinstance(decision, Stop)
    assert decision.why


def test_a_review_that_is_not_there() -> None:
    """Not in Salesforce: back to Tier 1, which is told so; without a number nothing was looked for."""
    assert policy.decide(EDIT, []) == BackToTier1((REVIEW,), "The review is not in Salesforce.")
    decision = policy.decide(policy.ask("Edit Review"), [])
    assert isinstance(decision, BackToTier1)
    assert decision.missing == (NUMBER,)


REVIEWS = st.lists(
    st.builds(Review, id=st.sampled_from(["r-1", "r-2"]), status=st.sampled_from(["Approved", "Edited", "x"])),
    max_size=3,
)


@given(st.text(), REVIEWS)
def test_nothing_is_removed_without_a_second_agent(subject: str, reviews: list[Review]) -> None:
    """Whatever the subject is, a removal is asked for plainly, has a reviewable status, and needs a second agent."""
    decision = policy.decide(policy.ask(f"Remove Review {subject}"), reviews)
    if isinstance(decision, Go):
        assert decision.change is Change.REMOVE
        assert decision.second_agent
        assert decision.question == "removal"
        assert decision.second_question == "second-agent"


@pytest.mark.parametrize(
    ("before", "now", "goes_on"),
    [
        ("Closed", CaseNow(status="New", owner="agent-1"), True),
        ("Closed", CaseNow(status="New", owner="agent-2"), False),
        ("Closed", CaseNow(status="Closed", owner="agent-1"), False),
        ("Closed", CaseNow(status="In Progress", owner="agent-1"), False),
        ("New", CaseNow(status="New", owner="agent-1"), False),
        ("In Progress", CaseNow(status="New", owner="agent-1"), False),
    ],
)
def test_the_case_is_read_again(before: str, now: CaseNow, goes_on: bool) -> None:
    """It was closed, is New, and nobody else has it: only then it goes on."""
    assert (policy.after_opening(CaseNow(status=before, owner="agent-1"), now) is None) is goes_on


def test_several_reviews_of_a_case() -> None:
    """The one that may be changed is meant; of several that may, an agent has to look which."""
    approved, pending = Review(id="r-1", status="Approved"), Review(id="r-2", status="Pending")
    decision = policy.decide(EDIT, [pending, approved])
    assert isinstance(decision, Go)
    assert decision.review == "r-1"
    both = policy.decide(EDIT, [approved, Review(id="r-3", status="Edited")])
    assert isinstance(both, Stop)
    assert both.note == "stopped-several"
    neither = policy.decide(EDIT, [pending, Review(id="r-3", status="Rejected")])
    assert isinstance(neither, Stop)
    assert neither.about == {"review": "r-2", "status": "Pending"}


def test_each_text_is_there() -> None:
    """What decisions name exists: notes, questions, comments, and the replies to members."""
    comments = [comment for comment in map(policy.comment_of, Ending) if comment]
    assert len(comments) == 3
    for name in ("back-to-tier-1", "stopped-several", "stopped-status", "stopped-taken", *comments):
        assert MESSAGES[name].audience == "staff"
    for name in ("question-new-text", "question-removal", "question-second-agent"):
        assert MESSAGES[name].format == "markdown"
    replies = {ending: policy.reply_of(ending) for ending in Ending}
    told = {ending for ending, reply in replies.items() if reply}
    assert told == {Ending.EDITED, Ending.REMOVED, Ending.KEPT}
    assert all(MESSAGES[reply].audience == "customer" for reply in replies.values() if reply)


@pytest.mark.parametrize("missing", [[one] for one in Missing] + [list(Missing)])
def test_tier_1_is_told_what_is_missing(missing: list[Missing]) -> None:
    """One line for each thing, and no more."""
    assert MESSAGES["back-to-tier-1"].variables["missing"] == [one.value for one in Missing]
    body = MESSAGES.render("back-to-tier-1", missing=missing).body
    assert sum(line.startswith("- ") for line in body.splitlines()) == len(missing)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('remove_phrases = ["Remove Review"]', 'remove_phrases = ["edit  review"]', "no phrase in common"),
        ("agent_escalation_working_days = 2 ", "agent_escalation_working_days = 1 ", "must come after the reminder"),
        ("case_number_digits = 8 ", "case_number_digits = 1 ", "case_number_digits"),
        ('approved = "Approved"', "", "review_statuses.approved: is missing"),
    ],
)
def test_wrong_numbers_stop_the_start(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """Each value that cannot be is told by name."""
    text = Path(policy.__file__).with_name("review_escalation.toml").read_text()
    assert old in text
    path = tmp_path / "review_escalation.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(NumbersError) as caught:
        load(ReviewEscalationNumbers, path)
    assert problem in str(caught.value)
