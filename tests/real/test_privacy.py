"""A privacy request on the real engine: a social login, signed callouts, agents who answer on their own pages."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from casework.case import Case, Kind
from casework.players import Asked as Invited
from casework.schema import hooks
from flows.privacy_request_forms import Agreed, Asked
from tests.real.site import Site, until

pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(900)]

MEMBER, READER, SECOND = "member-2", "staff-81", "staff-82"
SECRET = "the quarrel about the Hollowbrook piano"


def of_process(site: Site, case: str, process: str) -> Case | None:
    """The newest case of a process about a case of Salesforce."""
    return next((one for one in site.files.find(case) if one.process == process), None)


def invitation(site: Site, case: str, staff: str, wait: str) -> Invited:
    """What asks somebody in Slack about a question."""

    def look() -> Invited | None:
        asked = site.players.asked(case, staff)
        return asked if asked is not None and f"`{wait}`" in text(site, asked) else None

    return until(f"message to {staff} about {wait}", look)


def text(site: Site, asked: Invited) -> str:
    """A message in Slack."""
    messages = site.players.state()["slack"]["messages"][asked.channel]
    (found,) = [one for one in messages if one["ts"] == asked.ts]
    return "\n".join(block["text"]["text"] for block in found["blocks"] if "text" in block)


def heard(site: Site, case: str) -> set[str]:
    """What Salesforce told the gateway of a case by signed callouts; what the poller sees has another name."""
    about = select(hooks.c.event).where(hooks.c.vendor == "salesforce", hooks.c.subject == f"salesforce:case:{case}")
    with site.files.reading() as connection:
        return set(connection.execute(about).scalars())


def records(site: Site, kind: str) -> list[dict[str, Any]]:
    """What Salesforce has of a kind."""
    return list(site.players.state()["salesforce"]["records"][kind].values())


def test_a_social_login(site: Site) -> None:
    """The steps are mailed, the password is heard of by a signed callout, two agents answer, the request is made once,
    and the case is closed with its number; nothing that the member wrote is in what we keep."""
    case = site.players.act("member", "open_case", member_id=MEMBER, subject="DSAR", text=f"Delete {SECRET}")
    run = until("privacy request", lambda: of_process(site, case, "privacy-request")).case_id
    site.until_waiting(run, "password/1")
    site.players.act("member", "set_password", member_id=MEMBER)
    site.until_waiting(run, "request-type/1")
    invited = invitation(site, case, READER, "request-type")
    site.players.answer(invited.link, asked=Asked.DELETE_DATA.value)
    site.until_waiting(run, "delete-data/1")
    site.players.answer(invitation(site, case, SECOND, "delete-data").link, decision=Agreed.DELETE.value)
    site.until_ended(run, "requested", "Requested")

    (made,) = records(site, "Privacy_Request__c")
    assert (made["Case__c"], made["Request_Type__c"], made["Request_Status__c"]) == (case, "Delete Data", "Requested")
    (closed,) = [one for one in records(site, "Case") if one["Id"] == case]
    assert (closed["Status"], closed["Secondary_Reason__c"]) == ("Closed", "Data Deletion")
    comments = [one["CommentBody"] for one in records(site, "CaseComment") if one["ParentId"] == case]
    assert sum(one.startswith(f"Created privacy request: {made['Name']}\n") for one in comments) == 1
    about_it = [one["Subject"] for one in records(site, "EmailMessage") if one["RelatedToId"] == made["Id"]]
    assert about_it == ["Privacy CCPA - Request Link"]
    begun = [entry.payload for entry in site.entries(run, Kind.STEP_BEGUN)]
    assert [one["with"]["message"] for one in begun if one["step"] == "salesforce.reply"] == [
        "privacy_request/set-password"
    ]
    intake = of_process(site, case, "tier2-intake")
    assert intake is not None
    assert intake.ending == "privacy-request"
    assert site.files.verify(run) == len(site.entries(run))
    assert {"case.created", "contact.changed"} <= heard(site, case)
    kept = b"".join(site.bytes_kept().values())
    assert [one for one in (SECRET, "Hollowbrook", "Lysander", "Wrenfield") if one.encode() in kept] == []
