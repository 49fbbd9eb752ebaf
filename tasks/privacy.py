"""Privacy requests in Salesforce: who asks, what agents have read, the one object of a case, and Salesforce's own mail.

The object is made by an upsert whose reference comes from the case, so that it is there once, whoever is killed or
unanswered. What members write stays in Salesforce; what comes out is ids, types and statuses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pydantic import BaseModel, ConfigDict

from casework.people import Identity
from casework.step import lookup, step
from casework.systems import current
from casework.systems.salesforce import CaseRecord
from casework.wait import Heard
from policies import privacy_request as policy
from policies.privacy_request import Facts, Login, RequestStatus, RequestType
from tasks import salesforce

__all__ = ["Made", "Read", "facts", "known", "made", "mail_sent", "make", "news", "numbers", "sounds"]


class Read(BaseModel):
    """What agents have said about a case: as `policy.Facts` has it. `until` is the last mail of the member that was
    read, by its id; empty for none."""

    model_config = ConfigDict(frozen=True)

    until: str = ""
    asked: RequestType | None = None
    unclear: bool = False
    agreed: bool = False
    chosen: str | None = None


class Made(BaseModel):
    """A privacy request of a case: its number as people call it, and whether it says that we do not know who asked."""

    model_config = ConfigDict(frozen=True)

    number: str
    failed: bool


def _reference(case: str) -> str:
    return f"casework-{case}"


def _member(case: CaseRecord) -> tuple[policy.Member, str | None]:
    """Who asks, and the contact: that of the case, or the only one who has the address that it came from."""
    members = current().salesforce.members
    address = (case.supplied_email or "").strip()
    same = {one.id: one for one in members.with_address(address)} if address else {}
    contact = case.contact_id or (next(iter(same)) if len(same) == 1 else None)
    if contact is None:
        return policy.Member(contacts=len(same)), None
    member = same.get(contact) or members.member(contact)
    logins = {Login.GOOGLE: member.google_login, Login.APPLE: member.apple_login}
    return policy.Member(
        contacts=len({contact, *same}),
        address_matches=contact in same,
        logins=frozenset(login for login, there in logins.items() if there),
        has_password=member.has_password,
    ), contact


def _facts(case: str, read: Read) -> tuple[Facts, str | None]:
    """The facts as they are now, and the contact."""
    org = current().salesforce
    member, contact = _member(org.cases.case(case))
    found = tuple(
        policy.Found(id=one.id, type=one.request_type or "", status=one.status or "")
        for one in org.privacy.of_case(case)
    )
    return Facts(
        member=member,
        unread=any(salesforce.mails(case, read.until)),
        asked=read.asked,
        unclear=read.unclear,
        agreed=read.agreed,
        found=found,
        chosen=read.chosen,
    ), contact


@lookup
def known(case: str) -> Read:
    """What there is when ours begins: what the member wrote before an agent made a request by hand was read then;
    where there is none, all that was written so far is what is asked for."""
    requests = current().salesforce.privacy.of_case(case)
    by_then = max((one.created for one in requests), default=None)
    mails = salesforce.mails(case, "")
    old = [str(one.values["mail"]) for one in mails if by_then is None or (one.at is not None and one.at <= by_then)]
    return Read(until=old[-1] if old else "")


@lookup
def facts(case: str, read: Read) -> Facts:
    """All that the decision needs, as it is now."""
    return _facts(case, read)[0]


@lookup
def sounds(case: str) -> RequestType | None:
    """What the member's words sound like: a suggestion for whoever reads them."""
    cases = current().salesforce.cases
    found = cases.case(case)
    mails = [mail.text or "" for mail in cases.mails(case) if mail.incoming]
    written = (found.subject or "", found.description or "", *mails)
    return policy.sounds_like("\n".join(written))


def _find_made(case: str, read: Read) -> str | None:  # noqa: ARG001 - as make
    requests = current().salesforce.privacy.of_case(case)
    return next((one.id for one in requests if one.reference == _reference(case)), None)


@step(find=_find_made)
def make(case: str, read: Read) -> str | None:
    """Make the case's privacy request; its id. None, and nothing is made, when that is no longer what comes next."""
    seen, contact = _facts(case, read)
    decision = policy.decide(seen)
    if not isinstance(decision, policy.Create) or decision.second_agent:
        return None
    asked = {"request_type": decision.type.label(), "status": decision.status.label()}
    return current().salesforce.privacy.record(_reference(case), case_id=case, contact_id=contact, **asked).id


@lookup
def numbers(case: str) -> dict[str, str]:
    """The privacy requests of a case, oldest first: the id of each by its number."""
    return {policy.pr_number(one.number): one.id for one in current().salesforce.privacy.of_case(case)}


@lookup
def made(request: str) -> Made:
    """A privacy request as it is now."""
    found = current().salesforce.privacy.request(request)
    failed = found.status == RequestStatus.VERIFICATION_FAILURE.label()
    return Made(number=policy.pr_number(found.number), failed=failed)


# -- looking; nothing here changes anything


def news(case: str, until: str, *, password: bool, besides: Collection[str]) -> Iterable[Heard]:
    """What may change what comes next, as answers with its id: the member has written after the mail `until`, or
    somebody has made a request `besides` these; with `password` that the account has one."""
    org, system = current().salesforce, Identity(kind="system", value=salesforce.SALESFORCE.id)
    yield from salesforce.mails(case, until)
    for one in org.privacy.of_case(case):
        if one.id not in besides:
            yield Heard(system, {"request": one.id}, f"salesforce:request-{one.id}", one.created)
    if password and _member(org.cases.case(case))[0].has_password:
        yield Heard(system, {"password": True}, f"salesforce:password-{case}")


def mail_sent(request: str, *, failed: bool) -> Iterable[Heard]:
    """That Salesforce's own mail about a request went out, as an answer with the mail's id."""
    status = RequestStatus.VERIFICATION_FAILURE if failed else RequestStatus.REQUESTED
    system = Identity(kind="system", value=salesforce.SALESFORCE.id)
    for mail in current().salesforce.privacy.mails(request):
        if mail.sent and policy.is_its_mail(mail.subject or "", status):
            yield Heard(system, {"mail": mail.id}, f"salesforce:mail-{mail.id}", mail.at)
