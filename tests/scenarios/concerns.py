"""A concern about name or gender as one act that survives a process being killed anywhere in it, and what it left."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from casework.answer import Accepted, Offer, answer
from casework.engine.simulated import Run
from casework.people import Identity
from tests.scenarios.endings import assert_closed
from tests.scenarios.escalations import Agency
from tests.scenarios.wire import Mishap

__all__ = ["NAME", "PROCESS", "NewAgency", "Quiet", "changes", "effects", "play", "play_despite", "say"]

NewAgency = Callable[[], AbstractContextManager[Agency]]
PROCESS = "identity-concern"
NAME = "Linnéa-Mai O’Tarn"
STAFF = ("staff-41", "staff-81", "staff-82", "staff-83", "staff-91")


@dataclass(frozen=True)
class Quiet:
    """The act when nothing goes wrong: what passed the wire, and what people outside see of it."""

    passed: list[str]
    effects: Counter[str]


def say(agency: Agency, run: Run, wait: str, staff: str, **values: Any) -> None:
    """Somebody answers the open question; what goes wrong then is the gateway's and not tried here."""
    assert agency.waiting(run) == [wait], run.standing and run.standing.story
    by = Identity(kind="person", value=staff)
    with agency.wire.still():
        assert isinstance(answer(Offer(run.case_id, wait, values, "link", by)), Accepted)
    agency.settle()


def play(agency: Agency) -> str:
    """Safety need something, the member is asked, name and gender are changed, the reply is sent; the case's id."""
    case = agency.open("member-1", "Hello", "You keep using my deadname.")
    run = agency.run(case, PROCESS)
    needed = {"decision": "still open: Tier 2 has to do or to answer something", "needed": "Which profile?"}
    say(agency, run, "member-review/1", "staff-91", **needed)
    agency.advance(days=1 / 3)
    say(agency, run, "safety-needs/1", "staff-81", decision="answered: they are asked again", answer="The newest.")
    say(agency, run, "member-review/2", "staff-91", decision="settled: nothing is open for us")
    asks = "both, name and gender"
    say(agency, run, "concern/1", "staff-81", decision="the member has to be asked", asks=asks)
    agency.advance(days=4)
    agency.mail(case, f"I am {NAME}, and non-binary.")
    reply: dict[str, Any] = {"topic": "account-change", "name": NAME, "change": "name and gender"}
    say(agency, run, "concern/2", "staff-82", decision="ready for the reply", gender="Non-binary", **reply)
    say(agency, run, "reply-name/1", "staff-83", decision="the name is right: send the reply", name=NAME)
    assert_closed(agency, run, "resolved")
    assert agency.endings(case, PROCESS) == ["resolved"]
    return case


def effects(agency: Agency, case: str) -> Counter[str]:
    """Everything that people outside can see, with how often; moments left out."""
    contact = next(one for one in agency.records("Contact") if one["Id"] == agency.record(case)["ContactId"])
    seen = [f"comment: {text}" for text in agency.comments(case)]
    seen += [f"mail: {text}" for text in agency.sent(case)]
    seen += [f"out: {one['to']} {one['text']}" for one in agency.world.state["salesforce"]["sent"]]
    fields = ("Status", "Reason", "Secondary_Reason__c", "Tier__c")
    seen += [f"case: {[agency.record(case).get(one) for one in fields]}"]
    seen += [f"account: {contact['Display_Name__c']} {contact['Gender__c']} {contact['FirstName']}"]
    seen += [f"slack {staff}: {text}" for staff in STAFF for text in agency.slack(staff)]
    return Counter(re.sub(r"\b\d\d:\d\d\b", "TIME", text) for text in seen)


def play_despite(new_agency: NewAgency, quiet: Quiet, mishap: Mishap) -> None:
    """Play with one mishap: the ending and what people see are as without, each effect once."""
    with new_agency() as agency:
        agency.wire.mishap = mishap
        case = play(agency)
        assert agency.wire.happened
        assert effects(agency, case) == quiet.effects, f"{mishap.kind} at {mishap.at}, {quiet.passed[mishap.at]}"


def changes(passed: str) -> bool:
    """Whether what passed the wire is a request that changes something in Salesforce."""
    return re.match(r"salesforce (POST|PATCH)(?!.*oauth)", passed) is not None
