"""The HubSpot client: fields are set and put back, tasks are made once, what is believed is read by id."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, timedelta
from typing import Any

import httpx
import pytest

from casework.sandbox import Fault, hubspot_records, hubspot_search
from casework.sandbox.seed_offboarding import ASKED, HOLD, LEFT, NEW, OFFBOARDING, OUR_TURN, SUPPORT
from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary
from casework.systems.hubspot import DealFields, HubSpot, Names
from casework.systems.hubspot_rest import Filter, equals, one_of, stamp
from tests.systems.accounts import Account
from tests.systems.vendor import PLANTED, Vendor, in_turn


@pytest.fixture
def account() -> Iterator[Account]:
    made = Account()
    yield made
    made.world.close()


# -- deals


def test_a_deal_as_it_stands(account: Account) -> None:
    """A deal is read by its id, with the account's own properties; its name is there but not shown."""
    found = account.client.deals.deal(account.deal())
    assert (found.status, found.contract_end, found.closed, found.won) == ("Active", date(2026, 5, 31), True, True)
    assert found.owner_id == account.owner("staff-11")
    assert found.created.tzinfo is UTC
    assert found.name == "Pebblewick Rescue League 2"
    assert "Pebblewick" not in repr(found)


def test_a_customer_and_its_deals(account: Account) -> None:
    """From a deal to its company, to all deals with it, oldest first, one by one or several current."""
    (company,) = account.client.deals.companies_of(account.deal("company-2"))
    found = account.client.deals.of_company(company)
    assert [deal.id for deal in found] == account.world.state["roster"]["companies"]["company-2"]["deals"]
    assert [deal.status for deal in found] == ["Active", "Active"]
    customer = account.client.companies.company(company)
    assert (customer.owner_id, customer.domain) == (account.owner("staff-13"), "northwind-7f3a.example")
    assert "orthwind" not in repr(customer)


def test_what_is_not_there(account: Account) -> None:
    """An unknown id and a deal in the recycling bin are not found; what is no id is asked of nobody."""
    with pytest.raises(NotFound, match="OBJECT_NOT_FOUND"):
        account.client.deals.deal("1")
    account.people.rep.delete_deal(account.deal(), "staff-11")
    with pytest.raises(NotFound):
        account.client.deals.fields(account.deal())
    before = len(account.asked.requests)
    for wrong in ("", "../users/1", "12a", "٣"):
        with pytest.raises(ValueError, match="no id"):
            account.client.deals.deal(wrong)
    assert len(account.asked.requests) == before


def test_fields_are_set_and_put_back(account: Account) -> None:
    """What stood there is read first, set, and put back as it was, also nothing at all; again changes nothing."""
    deals, deal = account.client.deals, account.deal("company-4")
    before = deals.fields(deal)
    assert before == DealFields("Active", None)
    ours = DealFields("Offboarding", date(2026, 4, 30))
    for _ in range(2):
        deals.edit(deal, status=ours.status)
        deals.edit(deal, contract_end=ours.contract_end)
    assert deals.fields(deal) == ours
    for _ in range(2):
        assert deals.put_back(deal, before, ours) == ()
        assert deals.fields(deal) == before
    assert len([one for one in account.asked.requests if one.method == "PATCH"]) == 5


def test_what_we_have_not_touched_is_not_ours(account: Account) -> None:
    """A field that we did not change is neither put back nor named, whatever becomes of it."""
    deals, deal = account.client.deals, account.deal()
    before = deals.fields(deal)
    deals.edit(deal, status="Offboarding")
    account.people.rep.edit_deal(deal, "staff-11", contract_end_date="2026-12-31")
    assert deals.put_back(deal, before, DealFields("Offboarding", before.contract_end)) == ()
    assert deals.fields(deal) == DealFields("Active", date(2026, 12, 31))


def test_what_somebody_else_has_set_stays(account: Account) -> None:
    """Putting back leaves a field that is neither as before nor ours, and names it; the other one goes back."""
    deals, deal = account.client.deals, account.deal()
    before, ours = deals.fields(deal), DealFields("Offboarding", date(2026, 4, 30))
    deals.edit(deal, status=ours.status, contract_end=ours.contract_end)
    account.people.rep.edit_deal(deal, "staff-11", contract_end_date="2026-12-31")
    assert deals.put_back(deal, before, ours) == ("contract_end_date",)
    assert deals.fields(deal) == DealFields("Active", date(2026, 12, 31))


@pytest.mark.parametrize("match", ["PATCH /crm", "GET /crm"])
@pytest.mark.parametrize("late", [False, True])
def test_put_back_whatever_is_lost(account: Account, late: bool, match: str) -> None:
    """Answers lost while a field is set or put back are asked for again, with the same end: set twice is set once."""
    deals, deal = account.client.deals, account.deal()
    before = deals.fields(deal)
    if not late:
        account.world.misbehave("hubspot", Fault.answer_lost(), times=3, match=match)
    deals.edit(deal, status="Offboarding")
    if late:
        account.world.misbehave("hubspot", Fault.answer_lost(), times=3, match=match)
    assert deals.put_back(deal, before, DealFields("Offboarding", before.contract_end)) == ()
    assert deals.fields(deal) == before
    assert account.world.state["faults"]["hubspot"] == []


def test_by_status_only_what_is_so_now(account: Account) -> None:
    """A search that is behind finds neither the newest, nor is believed about what has changed since."""
    deals, asked = account.client.deals, ("Offboarding Requested",)
    hubspot_search.lag(account.world, 20)
    account.people.rep.edit_deal(account.deal(), "staff-11", client_activity_status=asked[0])
    assert deals.with_status(asked) == ()
    account.clock.sleep(20)
    assert [one.id for one in deals.with_status(asked)] == [account.deal()]
    account.people.rep.edit_deal(account.deal(), "staff-11", client_activity_status="Active")
    assert account.client.rest.search("look", "deals", one_of("client_activity_status", asked)) == (account.deal(),)
    assert deals.with_status(asked) == ()


def test_by_status_what_changed_since(account: Account) -> None:
    """Deals that were not changed lately are left out when asked so."""
    deals, asked = account.client.deals, ("Active",)
    account.clock.sleep(3600)
    since = account.clock()
    account.people.rep.edit_deal(account.deal(), "staff-11", contract_end_date="2026-12-31")
    assert [one.id for one in deals.with_status(asked, since=since)] == [account.deal()]
    assert len(deals.with_status(asked)) > 1


def test_the_statuses_that_a_deal_has_had(account: Account) -> None:
    """Newest first, with when and whether an app set each; one that was set to what it is, is none."""
    deals, deal = account.client.deals, account.deal("company-4")
    account.people.rep.edit_deal(deal, "staff-12", client_activity_status="Offboarding Requested")
    asked_at = account.clock()
    account.clock.sleep(60)
    for _ in range(2):
        deals.edit(deal, status="Offboarding")
    deals.put_back(deal, DealFields(None, None), DealFields("Offboarding", None))
    app = str(hubspot_records.APP)
    known = [(one.value, one.app) for one in deals.statuses(deal)]
    assert known == [(None, app), ("Offboarding", app), ("Offboarding Requested", None), ("Active", None)]
    assert [one.at for one in deals.statuses(deal)][1:3] == [account.clock(), asked_at]
    with pytest.raises(NotFound):
        deals.statuses("1")


def test_since_when_a_ticket_is_in_its_pipeline(account: Account) -> None:
    """It is when it came there, not when it was made or last moved to another stage."""
    ticket = account.people.rep.open_ticket("company-1", "staff-11", SUPPORT, NEW)
    opened = account.clock()
    assert account.client.tickets.in_pipeline_since(ticket) == opened
    account.clock.sleep(60)
    account.people.rep.edit_ticket(ticket, "staff-11", hs_pipeline=OFFBOARDING, hs_pipeline_stage=ASKED)
    moved = account.clock()
    account.clock.sleep(60)
    account.people.rep.edit_ticket(ticket, "staff-11", hs_pipeline_stage=LEFT)
    assert account.client.tickets.in_pipeline_since(ticket) == moved
    # An account that keeps no history of it: since it was made.
    for one in account.records("tickets"):
        one.pop("past")
    assert account.client.tickets.in_pipeline_since(ticket) == opened


def test_the_account_s_own_names(account: Account) -> None:
    """A site's names of its properties are used to read, to look and to write; the results have ours."""
    known = account.state["properties"]["deals"]
    known["end_of_service"] = known.pop("contract_end_date")
    for one in account.records("deals"):
        one["properties"]["end_of_service"] = one["properties"].pop("contract_end_date")
    client = account.connect(names=Names({"deals.contract_end_date": "end_of_service"}))
    client.deals.edit(account.deal(), contract_end=date(2026, 7, 1))
    assert client.deals.deal(account.deal()).contract_end == date(2026, 7, 1)
    client.demand()
    with pytest.raises(Misconfigured, match="PROPERTY_DOESNT_EXIST"):
        account.client.deals.edit(account.deal(), contract_end=date(2026, 7, 1))
    with pytest.raises(Refused, match="contract_end_date missing"):
        account.client.deals.deal(account.deal())


@pytest.mark.parametrize(
    "renamed", [{"deals.colour": "x"}, {"deals.contract_end_date": "a b"}, {"contract_end_date": "x"}]
)
def test_names_that_cannot_be(renamed: dict[str, str]) -> None:
    """A name that is none of ours, or that no account can have, is an error at once."""
    with pytest.raises(ValueError):
        Names(renamed)


def test_an_account_that_lacks_something(account: Account) -> None:
    """Everything that an administrator has to mend is said at once, and nothing when all is there."""
    stages = {OFFBOARDING: (ASKED, LEFT), SUPPORT: (OUR_TURN, HOLD)}
    account.connect(stages=stages).demand()
    known = account.state["properties"]["deals"]
    known["client_activity_status"]["options"].pop("Offboarding")
    known["contract_end_date"]["type"] = "datetime"
    with pytest.raises(Misconfigured) as told:
        account.connect(stages={"9": (), SUPPORT: ("99",)}).demand()
    for said in ("no value 'Offboarding'", "of type datetime", "no pipeline of tickets with the id 9", "no stage 99"):
        assert said in str(told.value)
    known["contract_end_date"] = {"type": "date", "read_only": True}
    del known["client_activity_status"]
    with pytest.raises(
        Misconfigured, match=r"client_activity_status is not there.*contract_end_date cannot be written"
    ):
        account.client.demand()


# -- tickets


def test_a_rep_s_queue(account: Account) -> None:
    """Of one owner, in these stages, oldest first; what is overdue and what is closed shows."""
    queue = account.client.tickets.queue(SUPPORT, (NEW, OUR_TURN), owner_id=account.owner("staff-14"))
    assert [one.stage for one in queue] == [OUR_TURN, NEW]
    assert [one.overdue(account.clock.time) for one in queue] == [False, True]
    assert queue[0].created == queue[0].stage_since == account.clock.time - timedelta(hours=30)
    everybody = account.client.tickets.queue(SUPPORT, (OUR_TURN,))
    assert {one.owner_id for one in everybody} == {account.owner("staff-14"), account.owner("staff-15")}
    assert "question" not in repr(everybody)


def test_a_queue_is_as_it_is_now(account: Account) -> None:
    """A ticket that has just moved on is not shown where the index still has it."""
    hubspot_search.lag(account.world, 20)
    (first, _) = account.client.tickets.queue(SUPPORT, (NEW, OUR_TURN), owner_id=account.owner("staff-14"))
    account.people.rep.edit_ticket(first.id, "staff-14", hs_pipeline_stage="3")
    (left,) = account.client.tickets.queue(SUPPORT, (NEW, OUR_TURN), owner_id=account.owner("staff-14"))
    assert left.id != first.id


def test_a_ticket_of_somebody_who_leaves(account: Account) -> None:
    """From the ticket to its deal and company."""
    ticket = account.people.rep.open_ticket("company-1", "staff-11", deal=account.deal())
    found = account.client.tickets.ticket(ticket)
    assert (found.pipeline, found.stage, found.closed) == (OFFBOARDING, ASKED, False)
    assert account.client.tickets.deals_of(ticket) == (account.deal(),)
    assert account.client.tickets.companies_of(ticket) == (account.company(),)
    account.people.rep.edit_ticket(ticket, "staff-11", hs_pipeline_stage=LEFT)
    account.clock.sleep(60)
    account.people.rep.edit_ticket(ticket, "staff-11", hs_ticket_priority="HIGH")
    left = account.client.tickets.ticket(ticket)
    assert (left.closed, left.stage_since) == (True, account.clock.time - timedelta(seconds=60))
    account.state["properties"]["tickets"].pop("hs_v2_date_entered_current_stage")
    assert account.client.tickets.ticket(ticket).stage_since is None


# -- tasks and notes


def interview(account: Account, **more: Any) -> str:
    on = ("deals", account.deal())
    due = account.clock.time + timedelta(days=2)
    text = "Please schedule <the> exit call.\n\nRef: CW-1/interview"
    given = {"due": due, "owner_id": account.owner("staff-11"), "kind": "CALL", **more}
    return account.client.tasks.create(on, "Exit interview", text, **given)  # type: ignore[arg-type] # a Literal


def test_a_task_for_the_representative(account: Account) -> None:
    """A task comes to the deal's owner, on the deal, due when it is said, its text word for word."""
    made = interview(account, priority="HIGH")
    found = account.client.tasks.task(made)
    assert (found.done, found.owner_id) == (False, account.owner("staff-11"))
    assert found.due == account.clock.time + timedelta(days=2)
    assert found.text == "Please schedule <the> exit call.\n\nRef: CW-1/interview"
    assert [one.id for one in account.client.tasks.of(("deals", account.deal()))] == [made]
    assert "exit" not in repr(found)
    account.people.rep.complete_task(made, "staff-11")
    assert account.client.tasks.task(made).done


def test_a_task_is_made_once(account: Account) -> None:
    """After a lost answer the task is not made again by itself, and is found at once although searches lag."""
    hubspot_search.lag(account.world, 60)
    account.world.misbehave("hubspot", Fault.answer_lost(), match="POST /crm/v3/objects/tasks")
    on = ("deals", account.deal())
    with pytest.raises(Temporary) as doubt:
        interview(account)
    assert doubt.value.maybe_done
    assert account.client.rest.count("count", "tasks") == 0
    found = account.client.tasks.find(("deals", account.deal()), "Ref: CW-1/interview")
    assert found is not None
    assert [one["id"] for one in account.records("tasks")] == [found.id]
    assert account.client.tasks.find(("deals", on[1]), "Ref: CW-1/inter") is None
    assert account.client.tasks.find(("deals", account.deal("company-2")), "Ref: CW-1/interview") is None


def test_a_task_that_somebody_edited_is_found(account: Account) -> None:
    """HubSpot's editor wraps a text in tags; the marker at its end is still found."""
    made = interview(account)
    account.people.rep.edit_task(made, "staff-11", "Please call.<br>Ref: CW-1/interview&nbsp;")
    found = account.client.tasks.find(("deals", account.deal()), "Ref: CW-1/interview")
    assert found is not None
    assert found.id == made


def test_a_task_taken_back(account: Account) -> None:
    """A task that is done or withdrawn stays so when it is asked for again; a withdrawn one is gone."""
    done, gone = interview(account), interview(account)
    for _ in range(2):
        account.client.tasks.complete(done)
        account.client.tasks.withdraw(gone)
    assert account.client.tasks.task(done).done
    with pytest.raises(NotFound):
        account.client.tasks.task(gone)
    assert [one.id for one in account.client.tasks.of(("deals", account.deal()))] == [done]


def test_a_note_is_left_once(account: Account) -> None:
    """A note is on the deal, and found by its end after a lost answer; others' notes are passed over."""
    on, text = account.deal(), "The answers are in the folder of exits.\nRef: CW-1/answers"
    account.client.notes.create(("deals", on), "Something else", at=account.clock.time)
    account.world.misbehave("hubspot", Fault.answer_lost(), match="POST /crm/v3/objects/notes")
    with pytest.raises(Temporary) as doubt:
        account.client.notes.create(("deals", on), text, at=account.clock.time)
    assert doubt.value.maybe_done
    found = account.client.notes.find(("deals", on), "Ref: CW-1/answers")
    assert found is not None
    assert (found.text, found.at) == (text, account.clock.time)
    assert len(account.records("notes")) == 2
    assert "folder" not in repr(found)
    assert account.client.notes.find(("deals", on), "Ref: CW-2/answers") is None


@pytest.mark.parametrize("text", ["", "&" * 20_000])
def test_a_text_that_does_not_fit(account: Account, text: str) -> None:
    """A text that HubSpot could not hold is an error before anything is sent."""
    with pytest.raises(ValueError, match="65536"):
        account.client.notes.create(("deals", account.deal()), text, at=account.clock.time)
    assert account.sent("/notes") == []


# -- colleagues


def test_a_colleague_by_address(account: Account) -> None:
    """An owner is found by exactly the address, case aside; an inactive one is not."""
    member = account.world.state["roster"]["staff"]["staff-14"]
    found = account.client.colleagues.by_email(f" {member['email'].upper()} ")
    assert found is not None
    assert found == account.client.colleagues.owner(member["hubspot_owner"])
    assert "ashgrove" not in repr(found)
    assert account.client.colleagues.by_email("ashgrove-tull@casework-5b2e.example") is None
    assert account.client.colleagues.by_email(" ") is None
    account.state["owners"][member["hubspot_owner"]]["archived"] = True
    assert account.client.colleagues.by_email(member["email"]) is None


def test_when_a_rep_works(account: Account) -> None:
    """Working hours and absences come from JSON within strings, in the rep's zone and in UTC."""
    rep = account.client.colleagues.rep(account.owner("staff-16"))
    assert (rep.available, rep.zone) == (False, "Europe/Berlin")
    (hours,) = rep.hours
    assert (hours.days, hours.start, hours.end) == ((0, 1, 2, 3, 4), 540, 1020)
    (absence,) = rep.absences
    assert absence.end - absence.start == timedelta(days=4)
    nobody = account.client.colleagues.rep(account.owner("staff-12"))
    assert (nobody.available, nobody.hours, nobody.absences) == (None, (), ())


@pytest.mark.parametrize(
    ("days", "weekdays"),
    [("SUNDAY", (6,)), ("EVERY_DAY", tuple(range(7))), ("SATURDAY_SUNDAY", (5, 6)), ("MONDAY", (0,))],
)
def test_days_of_working_hours(account: Account, days: str, weekdays: tuple[int, ...]) -> None:
    """Every name of days that HubSpot documents is understood; another is a shape that we do not know."""
    user = account.world.state["roster"]["staff"]["staff-14"]["hubspot_user"]
    values = account.state["objects"]["users"][user]["properties"]
    values["hs_working_hours"] = f'[{{"days":"{days}","startMinute":0,"endMinute":1440}}]'
    (hours,) = account.client.colleagues.rep(account.owner("staff-14")).hours
    assert hours.days == weekdays
    for wrong in (f'[{{"days":"{PLANTED}","startMinute":0,"endMinute":1440}}]', PLANTED):
        values["hs_working_hours"] = wrong
        with pytest.raises(Refused, match="hs_working_hours") as told:
            account.client.colleagues.rep(account.owner("staff-14"))
        assert PLANTED not in str(told.value)


def test_availability(account: Account) -> None:
    """It is set by us, believed only after looking, and may be set by the rep meanwhile."""
    rep = account.client.colleagues.rep(account.owner("staff-14"))
    for _ in range(2):
        account.client.colleagues.set_available(rep.id, True)
    assert account.client.colleagues.rep(account.owner("staff-14")).available is True
    account.people.rep.set_available("staff-14", False)
    assert account.client.colleagues.rep(account.owner("staff-14")).available is False


def test_somebody_who_has_left(account: Account) -> None:
    """The availability of an owner who is no user any more is refused in words."""
    del account.state["owners"][account.owner("staff-14")]["userId"]
    with pytest.raises(Refused, match="no active user"):
        account.client.colleagues.rep(account.owner("staff-14"))


# -- pages


def test_searches_are_paged(account: Account) -> None:
    """All pages of a search come, each object once; with a limit no more pages than needed are asked for."""
    with account.world.changing():
        made = account.records("tickets")[0]
        for number in range(450):
            key = str(90_000_000 + number)
            values = {**made["properties"], "hs_object_id": key, "hs_pipeline": OFFBOARDING}
            account.state["objects"]["tickets"][key] = {**made, "id": key, "properties": values}
    found = account.client.rest.search("look", "tickets", equals("hs_pipeline", OFFBOARDING))
    assert len(found) == len(set(found)) == 450
    assert len(account.sent("/tickets/search")) == 3
    assert account.client.rest.count("count", "tickets", equals("hs_pipeline", OFFBOARDING)) == 450
    assert len(account.client.rest.search("look", "tickets", limit=7)) == 7
    assert len(account.sent("/tickets/search")) == 5
    assert len(account.client.rest.read_all("read", "tickets", [*found, "1"], ["subject"])) == 450
    assert len(account.sent("/batch/read")) == 5


def test_a_search_that_finds_too_much(account: Account) -> None:
    """Where HubSpot pages no further a search is refused rather than cut off in silence."""
    page = {"total": 20_000, "results": [], "paging": {"next": {"after": "10000"}}}
    client = HubSpot("t", transport=Vendor("hubspot", in_turn(httpx.Response(200, json=page))))
    with pytest.raises(Refused, match="narrow it"):
        client.rest.search("look", "tickets")


def test_associations_and_owners_are_paged() -> None:
    """Every page of associations and of owners comes."""
    page = {"results": [{"toObjectId": "2", "associationTypes": []}], "paging": {"next": {"after": "x"}}}
    last = {"results": [{"toObjectId": "1", "associationTypes": []}]}
    vendor = Vendor("hubspot", in_turn(httpx.Response(200, json=page), httpx.Response(200, json=last)))
    assert HubSpot("t", transport=vendor).deals.companies_of("7") == ("1", "2")
    assert vendor.requests[1].url.params["after"] == "x"
    now = "2026-01-01T00:00:00Z"
    times = {"createdAt": now, "updatedAt": now, "archived": False, "type": "PERSON"}
    others = {"results": [{"id": "1", **times}], "paging": {"next": {"after": "y"}}}
    mine = {"results": [{"id": "2", "email": "a@b.example", "userId": 3, **times}]}
    vendor = Vendor("hubspot", in_turn(httpx.Response(200, json=others), httpx.Response(200, json=mine)))
    found = HubSpot("t", transport=vendor).colleagues.by_email("A@b.example")
    assert found is not None
    assert found.id == "2"


def test_filters_that_cannot_be() -> None:
    """An empty list of values is an error; a naive time is refused rather than guessed."""
    with pytest.raises(ValueError, match="at least one"):
        one_of("hs_pipeline_stage", ())
    with pytest.raises(ValueError, match="Timezone aware"):
        stamp(Account().clock.time.replace(tzinfo=None))
    assert Filter("a", "HAS_PROPERTY").body() == {"propertyName": "a", "operator": "HAS_PROPERTY"}


def test_nothing_to_set(account: Account) -> None:
    """An edit of nothing is an error of ours."""
    with pytest.raises(ValueError, match="at least one"):
        account.client.deals.edit(account.deal())


# -- faults


SAID = {
    "status": "error",
    "message": f"{PLANTED} is not one of the allowed options",
    "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
    "category": "VALIDATION_ERROR",
    "errors": [{"message": PLANTED, "code": "INVALID_OPTION", "context": {"propertyName": [PLANTED]}}],
}


@pytest.mark.parametrize(
    ("status", "change", "fault", "said"),
    [
        (400, {}, Refused, "INVALID_OPTION, VALIDATION_ERROR"),
        (400, {"errors": [{"message": "", "code": "PROPERTY_DOESNT_EXIST"}]}, Misconfigured, "PROPERTY_DOESNT_EXIST"),
        (400, {"errors": [{"message": "", "code": "READ_ONLY_VALUE"}]}, Misconfigured, "READ_ONLY_VALUE"),
        (401, {"category": "INVALID_AUTHENTICATION", "errors": []}, Misconfigured, "INVALID_AUTHENTICATION"),
        (403, {"category": "MISSING_SCOPES"}, Misconfigured, "MISSING_SCOPES"),
        (404, {"category": "OBJECT_NOT_FOUND", "errors": None}, NotFound, "OBJECT_NOT_FOUND"),
        (409, {"category": "CONFLICT"}, Refused, "CONFLICT"),
        (400, {"category": f"no code: {PLANTED}", "errors": PLANTED}, Refused, "refused"),
        (423, {}, Temporary, "changing it"),
        (477, {"category": "MIGRATION"}, Temporary, "MIGRATION"),
        (500, {}, Temporary, "failed to answer"),
    ],
)
def test_faults_speak_in_codes(status: int, change: dict[str, Any], fault: type[SystemFault], said: str) -> None:
    """A fault names HubSpot's category, codes and correlation id, and repeats no value and no sentence."""
    answers = [httpx.Response(status, json=SAID | change)] * 4
    client = HubSpot("t", transport=httpx.MockTransport(in_turn(*answers)), sleep=lambda _: None)
    with pytest.raises(fault, match=said) as told:
        client.deals.deal("7")
    assert PLANTED not in f"{told.value!r}{told.value}"
    if fault in (Refused, Misconfigured, NotFound):
        assert "aeb5f871-7f07-4993-9211-075dc63e7cbf" in str(told.value)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'"x"', b'{"category": 7, "correlationId": 7, "errors": [1]}'])
def test_errors_of_another_shape(body: bytes) -> None:
    """A refusal whose body is not HubSpot's is still a refusal."""
    client = HubSpot("t", transport=httpx.MockTransport(in_turn(httpx.Response(400, content=body))))
    with pytest.raises(Refused):
        client.deals.deal("7")


def test_a_token_of_another_account(account: Account) -> None:
    """A wrong token is a matter of settings; it is repeated nowhere."""
    with pytest.raises(Misconfigured, match="INVALID_AUTHENTICATION") as told:
        account.connect(token=PLANTED).deals.deal(account.deal())
    assert PLANTED not in str(told.value)


def test_a_scope_that_the_app_lacks(account: Account) -> None:
    """What our app was not given is a matter of settings."""
    account.state["scopes"].remove("tasks")
    with pytest.raises(Misconfigured, match="MISSING_SCOPES"):
        interview(account)
