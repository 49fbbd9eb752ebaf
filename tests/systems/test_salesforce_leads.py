"""Leads, accounts and users: made once for an address, filled up, never overwritten; an org without them is fine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from casework.sandbox import Fault
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.salesforce_records import ROBOT
from casework.sandbox.seed_leads import NOT_PROVIDED, QUEUE
from casework.systems.errors import Misconfigured, NotFound, Refused, Temporary
from casework.systems.salesforce import ClientCredentials, LeadFields, Names, Salesforce
from tests.systems.orgs import DATA, URL, SfOrg
from tests.systems.vendor import Handler, Vendor

EMAIL = "perpetua.quince@harebell-12.example"
NEW = LeadFields(email=EMAIL, last_name="Quince", company="Harebell", employee_count=85)


@pytest.fixture
def org() -> Iterator[SfOrg]:
    made = SfOrg()
    yield made
    made.world.close()


def known(org: SfOrg, entry: str) -> dict[str, Any]:
    found: dict[str, Any] = org.world.state["roster"]["leads"][entry]
    return found


def user(org: SfOrg, staff: str) -> str:
    return str(org.world.state["roster"]["staff"][staff]["salesforce_id"])


# -- looking


def test_a_lead_as_it_stands(org: SfOrg) -> None:
    """A lead is read with who has it and what is known; who it is shows nowhere."""
    entry = known(org, "lead-1")
    lead = org.client.leads.lead(entry["lead_id"])
    assert (lead.status, lead.owner_id, lead.converted) == ("Working", user(org, "staff-65"), False)
    assert (lead.email, lead.employee_count, lead.ats) == (entry["email"], 640, None)
    assert not [planted for planted in org.world.planted if planted in repr(lead)]
    with pytest.raises(NotFound):
        org.client.leads.lead("00QRM00000zzzzz")


def test_found_by_address(org: SfOrg) -> None:
    """All leads with an address come, case aside, converted ones too, and a queue's; others do not."""
    first = known(org, "lead-2")
    org.clock.sleep(60)
    second = org.people.sdr.add_lead("staff-64", first["email"].upper())
    found = org.client.leads.by_email(first["email"].title())
    assert [one.id for one in found] == [first["lead_id"], second]
    assert found[0].owner_id == QUEUE
    (converted,) = org.client.leads.by_email(known(org, "lead-3")["email"])
    assert converted.converted
    (contact,) = org.client.contacts.by_email(known(org, "lead-3")["email"])
    assert converted.contact_id == contact.id
    assert org.client.leads.by_email("o'hara\\' OR Name != '@x.example") == ()


@pytest.mark.parametrize(("value", "holds"), [(None, False), ("", False), (" [Not provided] ", False), ("x", True)])
def test_what_holds_something(org: SfOrg, value: str | None, holds: bool) -> None:
    """A word that stands where nobody knew a value is none; what is empty is empty."""
    lead = org.client.leads.lead(known(org, "lead-1")["lead_id"]).model_copy(update={"company": value})
    assert lead.holds("company", (NOT_PROVIDED,)) is holds
    assert lead.holds("employee_count")


# -- making


def test_a_lead_is_made_once(org: SfOrg) -> None:
    """A new address makes a lead with its owner and values; asked again it is found, however it is written."""
    made = org.client.leads.ensure(NEW, owner_id=user(org, "staff-64"))
    again = org.connect().leads.ensure(LeadFields(email=EMAIL.upper(), last_name="x", company="y"))
    assert (made.created, again.created, again.id) == (True, False, made.id)
    lead = org.client.leads.lead(made.id)
    assert (lead.company, lead.employee_count, lead.owner_id) == ("Harebell", 85, user(org, "staff-64"))
    assert lead.reference is not None
    assert EMAIL not in lead.reference


def test_a_lost_answer_makes_no_second_lead(org: SfOrg) -> None:
    """When the answer to the making is lost, the doubt is told; asked again, the lead is found."""
    org.client.own_id()
    org.world.misbehave("salesforce", Fault.answer_lost(), match=f"POST {DATA}/sobjects/Lead")
    with pytest.raises(Temporary) as doubt:
        org.client.leads.ensure(NEW)
    assert doubt.value.maybe_done
    found = org.client.leads.ensure(NEW)
    assert not found.created
    assert [one["Id"] for one in org.records("Lead") if one["Email"] == EMAIL] == [found.id]


def through(org: SfOrg, handler: Handler) -> Salesforce:
    """A client whose requests go by `handler`."""
    login = ClientCredentials(*(org.world.credentials[f"salesforce_client_{one}"] for one in ("id", "secret")))
    return Salesforce(URL, login, now=org.clock, transport=Vendor("salesforce", handler), sleep=org.clock.sleep)


def between(org: SfOrg, act: Any) -> Salesforce:
    """A client in whose way `act` comes once, just before it makes a lead or changes one."""
    inner, left = httpx_transport(org.world, "salesforce"), [act]

    def handle(request: httpx.Request) -> httpx.Response:
        if "/sobjects/Lead" in request.url.path and request.method != "GET" and left:
            left.pop()()
        return inner.handle_request(request)

    return through(org, handle)


def test_two_cases_at_once_make_one_lead(org: SfOrg) -> None:
    """Another case that makes the lead while we look is no reason for a second: the org refuses it, theirs counts."""
    theirs: list[str] = []
    client = between(org, lambda: theirs.append(org.client.leads.ensure(NEW).id))
    found = client.leads.ensure(NEW)
    assert (found.created, [found.id]) == (False, theirs)
    assert len([one for one in org.records("Lead") if one["Email"] == EMAIL]) == 1


def test_a_lead_of_ours_with_another_address_now(org: SfOrg) -> None:
    """When somebody has corrected the address of the lead that was made for it, that lead counts still."""
    made = org.client.leads.ensure(NEW)
    org.people.sdr.edit_lead(made.id, "staff-64", Email="perpetua@harebell-12.example")
    assert org.client.leads.ensure(NEW).id == made.id


def test_a_rule_against_duplicates(org: SfOrg) -> None:
    """What the org's own rule has seen before us counts; where nobody with the address is to be seen, it is refused."""
    org.state["duplicate_rule"] = True
    added: list[str] = []
    client = between(org, lambda: added.append(org.people.sdr.add_lead("staff-65", EMAIL)))
    assert [client.leads.ensure(NEW).id] == added
    org.state["duplicate_rule"] = False
    with pytest.raises(Refused, match="REQUIRED_FIELD_MISSING"):
        org.client.leads.ensure(LeadFields(email="a@b.example", last_name="x"))
    with pytest.raises(ValueError, match="e-mail"):
        org.client.leads.ensure(LeadFields(last_name="x", company="y"))


def test_a_lead_that_may_not_be_seen(org: SfOrg) -> None:
    """A lead of ours that our user may not see any more is for the administrator, not a second lead."""
    org.client.leads.ensure(NEW)
    inner = httpx_transport(org.world, "salesforce")

    def handle(request: httpx.Request) -> httpx.Response:
        if "FROM Lead" in request.url.params.get("q", ""):
            return httpx.Response(200, json={"totalSize": 0, "done": True, "records": []})
        return inner.handle_request(request)

    with pytest.raises(Refused, match="let it see all leads"):
        through(org, handle).leads.ensure(NEW)


def test_who_is_there_already(org: SfOrg) -> None:
    """An open lead goes before a contact, a contact before a converted lead; none of them makes a new one."""
    converted = known(org, "lead-3")
    (contact,) = org.client.contacts.by_email(converted["email"])
    asked = LeadFields(email=converted["email"], last_name="x", company="y")
    assert org.client.leads.ensure(asked).id == contact.id
    lead = org.people.sdr.add_lead("staff-64", converted["email"])
    assert org.client.leads.ensure(asked).id == lead
    org.people.sdr.delete_lead(lead)
    del org.state["records"]["Contact"][contact.id]
    assert org.client.leads.ensure(asked).id == converted["lead_id"]


# -- filling


def test_only_what_is_empty_is_filled(org: SfOrg) -> None:
    """What others wrote stays, a placeholder is replaced, and doing it again changes nothing."""
    lead = org.people.sdr.sync_lead(EMAIL, "Perpetua Quince")
    org.people.sdr.edit_lead(lead, "staff-64", Phone="+1 555 0100")
    values = LeadFields(company="Harebell", employee_count=85, ats="Hirewell", phone="+1 555 0199")
    for _ in range(2):
        written = org.client.leads.fill(lead, values, unknown=[NOT_PROVIDED])
        assert written == ("company", "employee_count", "ats")
    found = org.client.leads.lead(lead)
    assert (found.company, found.employee_count, found.ats, found.phone) == ("Harebell", 85, "Hirewell", "+1 555 0100")
    assert len([one for one in org.asked.requests if one.method == "PATCH"]) == 1
    assert org.client.leads.fill(lead, LeadFields()) == ()


def test_filled_by_somebody_meanwhile(org: SfOrg) -> None:
    """What a colleague writes between our look and our change stays; the rest is written."""
    lead = known(org, "lead-1")["lead_id"]
    org.clock.sleep(5)

    def meanwhile() -> None:
        org.clock.sleep(5)
        org.people.sdr.edit_lead(lead, "staff-65", ATS__c="Sprout")

    written = between(org, meanwhile).leads.fill(lead, LeadFields(ats="Hirewell", website="https://tallowgate.example"))
    found = org.client.leads.lead(lead)
    assert (written, found.ats, found.website) == (("website",), "Sprout", "https://tallowgate.example")


def test_a_lost_answer_to_a_change(org: SfOrg) -> None:
    """Our own change whose answer was lost looks like another's when it is tried again, and is recognised."""
    lead = known(org, "lead-1")["lead_id"]
    org.client.own_id()
    org.clock.sleep(5)
    org.world.misbehave("salesforce", Fault.answer_lost(), match=f"PATCH {DATA}")
    assert org.client.leads.fill(lead, LeadFields(ats="Hirewell")) == ("ats",)
    assert org.client.leads.lead(lead).ats == "Hirewell"


def test_others_who_do_not_stop(org: SfOrg) -> None:
    """After a few rounds against others' changes it is a passing trouble."""
    lead = known(org, "lead-1")["lead_id"]
    org.clock.sleep(5)
    inner = httpx_transport(org.world, "salesforce")

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            org.clock.sleep(5)
            org.people.sdr.edit_lead(lead, "staff-65", Phone=str(org.clock.time.timestamp()))
        return inner.handle_request(request)

    client = through(org, handle)
    with pytest.raises(Temporary, match="others are changing it") as fault:
        client.leads.fill(lead, LeadFields(ats="Hirewell"))
    assert not fault.value.maybe_done


def test_a_converted_lead_is_left(org: SfOrg) -> None:
    """A lead that was converted takes nothing more; one that is converted under our hands is refused by the org."""
    with pytest.raises(Refused, match="converted"):
        org.client.leads.fill(known(org, "lead-3")["lead_id"], LeadFields(ats="Hirewell"))
    lead = known(org, "lead-1")["lead_id"]
    client = between(org, lambda: org.people.sdr.convert_lead(lead, "staff-65"))
    with pytest.raises(Refused, match="CANNOT_UPDATE_CONVERTED_LEAD"):
        client.leads.fill(lead, LeadFields(ats="Hirewell"))


@pytest.mark.parametrize(
    ("status", "after", "moved"),
    [("New", "Nurturing", True), ("Working", "Working", False), ("Nurturing", "Nurturing", True)],
)
def test_only_an_untouched_status_is_changed(org: SfOrg, status: str, after: str, moved: bool) -> None:
    """A lead that nobody has touched is nurtured; the status that somebody gave it stays."""
    lead = org.people.sdr.add_lead("staff-64", EMAIL, Status=status)
    for _ in range(2):
        assert org.client.leads.nurture(lead, "Nurturing", untouched=("new", "open - not contacted")) is moved
    assert org.client.leads.lead(lead).status == after


# -- accounts and users


def test_who_has_an_account(org: SfOrg) -> None:
    """A contact's address leads to the account with its executive and CSM, and these to colleagues' addresses."""
    roster = org.world.state["roster"]
    (account,) = org.client.accounts.of(roster["users"]["user-84"]["email"].upper())
    assert account == org.client.accounts.account(roster["accounts"]["account-1"]["account_id"])
    assert account.csm_id is not None
    people = [org.client.users.user(one) for one in (account.owner_id, account.csm_id)]
    assert [one.email for one in people] == [roster["staff"][staff]["email"] for staff in ("staff-68", "staff-11")]
    assert all(one.active for one in people)
    (without,) = org.client.accounts.of(roster["users"]["user-81"]["email"])
    assert without.csm_id is None
    assert org.client.accounts.of(roster["members"]["member-1"]["email"]) == ()
    assert org.client.accounts.of("nobody@elsewhere.example") == ()
    with pytest.raises(NotFound):
        org.client.users.user(QUEUE)


def test_a_colleague_by_address(org: SfOrg) -> None:
    """Only an active person's account counts; of two the older, and neither a robot nor who has left."""
    email = org.world.state["roster"]["staff"]["staff-64"]["email"]
    found = org.client.users.by_email(email.upper())
    assert found is not None
    assert (found.id, email in repr(found)) == (user(org, "staff-64"), False)
    users = org.state["records"]["User"]
    users[ROBOT]["Email"] = email
    users[found.id]["IsActive"] = False
    assert org.client.users.by_email(email) is None


# -- the org


def test_an_org_without_sales(org: SfOrg) -> None:
    """Where sales is not set up, nothing of it is asked for; where it is, all that lacks is told."""
    for kind in ("Lead", "Group"):
        del org.state["objects"][kind]
    del org.state["objects"]["Account"]["fields"]["CSM__c"]
    org.client.demand()
    with pytest.raises(Misconfigured, match=r"no object Lead.*Account\.CSM__c is not there"):
        org.connect(sales=True).demand()


def test_the_org_as_sales_needs_it(org: SfOrg) -> None:
    """The seeded org has everything; without a unique external id a lead could be made twice, so it is told."""
    client = org.connect(sales=True)
    client.demand()
    fields = org.state["objects"]["Lead"]["fields"]
    fields["External_Id__c"]["not_unique"] = True
    fields["Status"]["values"].remove("Nurturing")
    with pytest.raises(Misconfigured, match=r"has no active value 'Nurturing'.*External ID and Unique"):
        client.demand()


def test_names_of_its_own(org: SfOrg) -> None:
    """The fields for the ATS and the CSM are called as the org calls them."""
    for kind, ours, theirs in (("Lead", "ATS__c", "Tracking__c"), ("Account", "CSM__c", "Success__c")):
        fields = org.state["objects"][kind]["fields"]
        fields[theirs] = fields.pop(ours)
        for one in org.records(kind):
            one[theirs] = one.pop(ours)
    client = org.connect(sales=True, names=Names({"Lead.ATS__c": "Tracking__c", "Account.CSM__c": "Success__c"}))
    client.demand()
    lead = known(org, "lead-1")["lead_id"]
    assert client.leads.fill(lead, LeadFields(ats="Hirewell")) == ("ats",)
    assert org.state["records"]["Lead"][lead]["Tracking__c"] == "Hirewell"
    (account,) = client.accounts.of(org.world.state["roster"]["users"]["user-83"]["email"])
    assert account.csm_id == user(org, "staff-11")


def test_nobody_in_logs_and_faults(org: SfOrg, caplog: pytest.LogCaptureFixture) -> None:
    """Addresses and values reach neither a log, nor a fault, nor what is shown of the values."""
    caplog.set_level("DEBUG")
    org.client.leads.ensure(NEW)
    with pytest.raises(Refused) as fault:
        org.client.leads.ensure(LeadFields(email="marlowe quux", last_name="x", company="Marlowe-Quux"))
    told = f"{fault.value} {caplog.text} {NEW!r}"
    assert not [one for one in ("harebell", "Harebell", "Quince", "marlowe", "Marlowe") if one in told]
