"""A case of Salesforce that comes to Tier 2 is told apart and taken once, whoever tells of it and however often."""

from __future__ import annotations

from datetime import timedelta

import pytest

from casework import authority
from casework.answer import Accepted
from flows.tier2_intake import Meant
from tasks import accounts
from tests.scenarios.escalations import Agency

PROCESSES = ("review-escalation", "refund-escalation", "privacy-request", "identity-concern")


def taken(agency: Agency, case: str) -> list[str]:
    """The processes that a case has had besides the intake, in order."""
    return [
        run.process
        for run in agency.engine.runs.values()
        if run.parameters["case"] == case and run.process in PROCESSES
    ]


@pytest.mark.parametrize(
    ("subject", "text", "process"),
    [
        ("Remove Review 00084201", "Please.", "review-escalation"),
        ("Cancellation Fee", "Please.", "refund-escalation"),
        ("DSAR", "Please.", "privacy-request"),
        ("Hello", "You keep using my deadname.", "identity-concern"),
    ],
)
def test_a_case_that_says_what_it_is(agency: Agency, subject: str, text: str, process: str) -> None:
    """Subject or key words tell, nobody is asked, and the process is started, once."""
    case = agency.open("member-1", subject, text)
    assert agency.endings(case, "tier2-intake")[0] == process
    assert taken(agency, case) == [process]


def test_an_agent_says_what_it_is(agency: Agency) -> None:
    """What neither record nor words tell, an agent does, from Slack to the case; nothing is started before."""
    case = agency.open("member-1", "A question")
    run = agency.run(case, "tier2-intake")
    assert taken(agency, case) == []
    assert all("which-process" in "".join(agency.slack(one)) for one in ("staff-81", "staff-82", "staff-83"))
    assert isinstance(agency.answer(run, "staff-82", process=Meant.PRIVACY.value), Accepted)
    assert taken(agency, case) == ["privacy-request"]
    assert any("staff-82 answered which-process: privacy" in one for one in agency.comments(case))


def test_a_stand_in_is_told(agency: Agency) -> None:
    """Who stands in for an agent is asked in Slack like the agents, and the answer counts."""
    now = agency.engine.now()
    stand_in = accounts.role.fn("support", "staff-61").people[0]
    with agency.files.writing() as connection:
        authority.delegate(connection, "staff-81", stand_in, now, now + timedelta(days=3), "staff-41", now)
    case = agency.open("member-1", "A question")
    assert "which-process" in "".join(agency.slack("staff-61"))
    answered = agency.answer(agency.run(case, "tier2-intake"), "staff-61", process=Meant.PRIVACY.value)
    assert isinstance(answered, Accepted)


def test_not_for_tier_2(agency: Agency) -> None:
    """What is none of Tier 2's goes back, with the comment that says so; escalated again it is looked at again."""
    case = agency.open("member-1", "A question")
    agency.answer(agency.run(case, "tier2-intake"), "staff-81", process=Meant.NOT_TIER_2.value)
    assert agency.record(case)["Tier__c"] == "Tier 1"
    assert any("Back to Tier 1: staff-81" in one for one in agency.comments(case))
    assert len(agency.runs(case, "tier2-intake")) == 1
    agency.edit(case, "staff-82", Tier__c="Tier 2", Subject="DSAR")
    assert agency.endings(case, "tier2-intake")[:2] == ["back_to_tier_1", "privacy-request"]


def test_by_hand(agency: Agency) -> None:
    """A case that an agent works on is left to them, whatever happens on it."""
    case = agency.open("member-1", "A question")
    agency.answer(agency.run(case, "tier2-intake"), "staff-81", process=Meant.BY_HAND.value)
    agency.mail(case, "DSAR")
    agency.edit(case, "staff-82", Subject="DSAR")
    assert len(agency.runs(case, "tier2-intake")) == 1
    assert taken(agency, case) == []


def test_only_tier_2(agency: Agency) -> None:
    """Tier 1's cases, closed ones and what was deleted have nothing."""
    case = agency.open("member-1", "DSAR", tier="Tier 1")
    assert agency.runs(case, "tier2-intake") == []
    agency.escalation_starter("case.changed", "salesforce:case:500RM0000000000YAA")
    agency.edit(case, "staff-82", Tier__c="Tier 2", Status="Closed")
    assert agency.runs(case, "tier2-intake") == []


def test_told_again_and_again(agency: Agency) -> None:
    """Every hint five times, that of the intake's end too, long after: the case is taken once."""
    case = agency.open("member-1", "A question")
    agency.answer(agency.run(case, "tier2-intake"), "staff-81", process=Meant.REFUND.value)
    for event in ("case.created", "case.changed", "salesforce.changed", "case.closed:tier2-intake"):
        for _ in range(5):
            agency.follow(event, f"salesforce:case:{case}")
            agency.settle()
    assert len(agency.runs(case, "tier2-intake")) == 1
    assert taken(agency, case) == ["refund-escalation"]


def test_called_off(agency: Agency) -> None:
    """A case that is closed in Salesforce while an agent is asked needs nobody any more."""
    case = agency.open("member-1", "A question")
    run = agency.run(case, "tier2-intake")
    agency.edit(case, "staff-82", Status="Closed")
    assert agency.endings(case, "tier2-intake") == ["cancelled"]
    assert agency.waiting(run) == []
