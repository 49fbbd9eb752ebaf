"""The Outreach client: one prospect for an address, once in a sequence, whatever is lost on the way."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from casework.sandbox import Fault
from casework.sandbox.mailing import SUPPORT
from casework.sandbox.outreach_records import add
from casework.sandbox.seed_sales import BOOKED, DISQUALIFIED, HOOKS, INTRO, INTRO_TEMPLATE, LEADS, OLD, WORKING
from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary
from casework.systems.outreach import Matched, Needs, Outreach, ProspectFields
from casework.systems.outreach_rest import listed
from tests.systems.sales import Kept, SalesOrg
from tests.systems.vendor import PLANTED, in_turn

ADA = ProspectFields(first_name="Ada", last_name=PLANTED, company="Ada & Co", website="https://ada.example")
EMAIL = "Ada.Marlowe-Quux@lead.example"
PROSPECT = {"type": "prospect", "id": 7, "attributes": {"createdAt": "2026-03-02T09:00:00Z"}}


@pytest.fixture
def org() -> Iterator[SalesOrg]:
    made = SalesOrg()
    yield made
    made.world.close()


@pytest.fixture
def lead(org: SalesOrg) -> str:
    """A prospect whom nobody has written to."""
    return org.client.prospects.ensure(EMAIL, ADA).id


def answering(*answers: httpx.Response | Exception) -> tuple[Outreach, SalesOrg]:
    """A client that is signed in and then gets these answers."""
    org = SalesOrg()
    org.client.colleagues.by_email("nobody@lead.example")
    org.asked._handler = in_turn(*answers)
    return org.client, org


def refusal(status: int = 422, **headers: str) -> httpx.Response:
    """An error with somebody's words in all places that have words."""
    error = {"id": "validationError", "title": PLANTED, "detail": f"Emails {PLANTED} has already been taken."}
    body = {"errors": [{**error, "source": {"pointer": "/data/attributes/emails"}}]}
    return httpx.Response(status, json=body, headers=headers)


def nothing() -> httpx.Response:
    """A listing of nothing."""
    return httpx.Response(200, json={"data": []}, headers={"content-type": "application/vnd.api+json"})


# -- prospects


def test_a_prospect_is_made_once(org: SalesOrg) -> None:
    """The address is looked for first, in whatever case it is written; there is one prospect for it."""
    first = org.client.prospects.ensure(
        EMAIL, ADA, owner_id=org.world.state["roster"]["staff"]["staff-64"]["outreach_user"]
    )
    assert first.created
    assert org.client.prospects.ensure(EMAIL.upper(), ProspectFields()) == Matched(first.id, created=False)
    found = org.client.prospects.prospect(first.id)
    assert (found.emails, found.first_name, found.company) == ((EMAIL.lower(),), "Ada", "Ada & Co")
    assert found.owner_id == org.world.state["roster"]["staff"]["staff-64"]["outreach_user"]
    assert found.stage is None
    assert len(org.sent("POST", "/prospects")) == 1


def test_one_that_others_made_is_taken(org: SalesOrg) -> None:
    """A prospect of a colleague is matched by any of their addresses, and left as it is."""
    known = org.visitor("visitor-5")
    assert org.client.prospects.ensure(known["email"], ADA) == Matched(known["prospect"], created=False)
    org.people.sales.edit_prospect(known["prospect"], emails=[known["email"], "second@tallowgate-c94e.example"])
    assert org.client.prospects.ensure("Second@tallowgate-c94e.example", ADA).id == known["prospect"]
    found = org.client.prospects.prospect(known["prospect"])
    assert (found.first_name, found.stage) == ("Saoirse", WORKING)
    assert org.sent("POST", "/prospects") == []


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("fault", [Fault.answer_lost(), Fault.timeout(), Fault.server_error(), Fault.block_page()])
def test_one_prospect_whatever_is_lost(org: SalesOrg, fault: Fault, method: str) -> None:
    """Answers lost or never made, before and after: in the end there is one prospect, and its id is told."""
    org.client.colleagues.by_email("nobody@lead.example")
    org.world.misbehave("outreach", fault, match=f"{method} /api/v2/prospects")
    try:
        made = org.client.prospects.ensure(EMAIL, ADA)
    except Temporary:
        made = org.client.prospects.ensure(EMAIL, ADA)
    ours = [one for one in org.records("prospect").values() if EMAIL.lower() in one["attributes"]["emails"]]
    assert [str(one["id"]) for one in ours] == [made.id]


def test_two_at_once(org: SalesOrg) -> None:
    """A colleague makes the prospect between our look and our request: Outreach refuses, and theirs is taken."""
    there = org.asked._handler

    def meanwhile(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            org.asked._handler = there
            org.people.sales.add_prospect("staff-65", EMAIL)
        return there(request)

    org.client.colleagues.by_email("nobody@lead.example")
    org.asked._handler = meanwhile
    made = org.client.prospects.ensure(EMAIL, ADA)
    assert not made.created
    assert org.client.prospects.prospect(made.id).owner_id is not None


def test_an_address_that_outreach_does_not_want() -> None:
    """A refusal that is no duplicate is a refusal; it names the attribute, and nobody."""
    client, _ = answering(nothing(), refusal(), nothing())
    with pytest.raises(Refused, match="validationError of emails") as told:
        client.prospects.ensure(EMAIL, ADA)
    assert PLANTED not in str(told.value)


def test_several_with_one_address(org: SalesOrg) -> None:
    """Where an organisation allows duplicates all are shown, and the oldest is the one that is taken."""
    known = org.visitor("visitor-5")
    values = dict(org.records("prospect")[known["prospect"]]["attributes"])
    other = add(org.world, "prospect", values, {})
    found = org.client.prospects.by_email(known["email"])
    assert [one.id for one in found] == [known["prospect"], str(other["id"])]
    assert org.client.prospects.ensure(known["email"], ADA).id == known["prospect"]


@pytest.mark.parametrize("email", ["", "ada", "a,b@lead.example", "a..b@lead.example", "a b@lead.example", "a@b"])
def test_what_is_no_address_is_asked_of_nobody(org: SalesOrg, email: str) -> None:
    """What a filter would read as a list, a range or nothing is no address; it is not quoted."""
    with pytest.raises(ValueError, match="no e-mail address") as told:
        org.client.prospects.ensure(email, ADA)
    assert not email or email not in str(told.value)
    assert org.asked.requests == []


def test_what_is_not_there(org: SalesOrg) -> None:
    """Unknown ids are not found; what is no id is asked of nobody."""
    for look in (org.client.prospects.prospect, org.client.sequences.sequence, org.client.sequences.state):
        with pytest.raises(NotFound):
            look("999999")
        with pytest.raises(ValueError, match="no id"):
            look("1/../2")
    assert org.client.colleagues.by_email("nobody@lead.example") is None


# -- sequences


def test_once_in_a_sequence(org: SalesOrg, lead: str) -> None:
    """A prospect is put into a sequence once, however often it is asked, also after it came to its end."""
    since = org.clock.time
    first = org.client.sequences.add(lead, LEADS, org.mailbox(), since=since)
    assert (first.state, first.prospect_id, first.mailbox_id, first.over) == ("active", lead, org.mailbox(), False)
    for _ in range(2):
        assert org.client.sequences.add(lead, LEADS, org.mailbox(), since=since).id == first.id
        if not org.client.sequences.state(first.id).over:
            org.people.sales.reply(lead, LEADS)
    ended = org.client.sequences.state(first.id)
    assert (ended.over, ended.state) == (True, "finished")
    assert ended.replied == since
    assert len(org.sent("POST", "/sequenceStates")) == 1


def test_who_was_through_it_goes_through_it_again(org: SalesOrg, lead: str) -> None:
    """An earlier time, before this case, does not count; one that is still under way does, by whomever."""
    old = org.people.sales.add_to_sequence("staff-65", lead, LEADS)
    assert org.client.sequences.add(lead, LEADS, org.mailbox(), since=org.clock.time).id == old
    org.people.sales.reply(lead, LEADS)
    org.clock.sleep(86_400)
    again = org.client.sequences.add(lead, LEADS, org.mailbox(), since=org.clock.time)
    assert again.id != old
    assert [one.id for one in org.client.sequences.of(lead, LEADS)] == [old, again.id]


@pytest.mark.parametrize("match", ["GET /api/v2/seq", "POST /api/v2/seq"])
@pytest.mark.parametrize("fault", [Fault.answer_lost(), Fault.timeout(), Fault.server_error(), Fault.block_page()])
def test_once_whatever_is_lost(org: SalesOrg, lead: str, fault: Fault, match: str) -> None:
    """Answers lost or never made: in the end the prospect is in the sequence once."""
    since = org.clock.time
    org.world.misbehave("outreach", fault, match=match)
    try:
        state = org.client.sequences.add(lead, LEADS, org.mailbox(), since=since)
    except Temporary:
        state = org.client.sequences.add(lead, LEADS, org.mailbox(), since=since)
    assert list(org.records("sequenceState")) == [state.id]


def test_a_sequence_that_does_not_take_them(org: SalesOrg, lead: str) -> None:
    """Who has asked to be left alone is put into no sequence; that can be seen before."""
    assert org.client.prospects.prospect(lead).may_be_written_to
    org.people.sales.opt_out(lead)
    assert not org.client.prospects.prospect(lead).may_be_written_to
    with pytest.raises(Refused, match="validationError of prospect"):
        org.client.sequences.add(lead, LEADS, org.mailbox(), since=org.clock.time)
    with pytest.raises(ValueError, match="Timezone aware"):
        org.client.sequences.add(lead, LEADS, org.mailbox(), since=org.clock.time.replace(tzinfo=None))


@pytest.mark.parametrize("fault", [None, Fault.answer_lost(), Fault.server_error()])
def test_taken_out_again(org: SalesOrg, lead: str, fault: Fault | None) -> None:
    """A prospect is taken out of a sequence, again and again to the same end, whatever is lost."""
    state = org.client.sequences.add(lead, LEADS, org.mailbox(), since=org.clock.time)
    if fault is not None:
        org.world.misbehave("outreach", fault, match="POST /api/v2/sequenceStates/")
    try:
        org.client.sequences.finish(state.id)
    except Temporary:
        org.client.sequences.finish(state.id)
    org.client.sequences.finish(state.id)
    assert org.client.sequences.state(state.id).over
    assert len(org.sent("POST", "/actions/finish")) <= 2


def test_the_one_mail_to_support(org: SalesOrg, lead: str) -> None:
    """The introduction to support is the only step of its sequence: sent once, then it is over."""
    since = org.clock.time
    state = org.client.sequences.add(lead, INTRO, org.mailbox(), since=since)
    org.people.sales.send_step(state.id)
    sent = org.client.sequences.add(lead, INTRO, org.mailbox(), since=since)
    assert (sent.id, sent.over, sent.delivered) == (state.id, True, 1)


def test_colleagues_and_their_mailboxes(org: SalesOrg) -> None:
    """Colleagues and mailboxes are found by address; a mailbox that may not send is none."""
    member = org.world.state["roster"]["staff"]["staff-64"]
    user, box = org.client.colleagues.by_email(member["email"].upper()), org.client.colleagues.mailbox(member["email"])
    assert user is not None
    assert box is not None
    assert (user.id, user.mailbox_id) == (member["outreach_user"], box.id)
    assert (box.id, box.user_id) == (member["outreach_mailbox"], user.id)
    org.records("mailbox")[box.id]["attributes"]["sendDisabled"] = True
    assert org.client.colleagues.mailbox(member["email"]) is None


# -- what changed


def test_what_changed_since(org: SalesOrg, lead: str) -> None:
    """Of our sequences and stages what changed since is told, page by page; what did not is not."""
    known = org.visitor("visitor-5")["prospect"]
    org.client.sequences.add(lead, LEADS, org.mailbox(), since=org.clock.time)
    org.people.sales.add_to_sequence("staff-65", known, OLD)
    org.people.sales.set_stage(known, DISQUALIFIED)
    org.clock.sleep(3600)
    since = org.clock.time
    org.state["page"] = 1
    assert list(org.client.changed_since(since, (LEADS, INTRO), (BOOKED, DISQUALIFIED))) == []
    org.clock.sleep(60)
    org.people.sales.reply(lead, LEADS)
    org.people.sales.set_stage(lead, BOOKED)
    told = list(org.client.changed_since(since, (LEADS, INTRO), (BOOKED, DISQUALIFIED)))
    assert told == [(lead, org.clock.time)] * 2
    assert {one for one, _ in org.client.changed_since(since - timedelta(hours=2), (LEADS,), (DISQUALIFIED,))} == {
        lead,
        known,
    }
    assert list(org.client.changed_since(since, (), ())) == []


def test_all_pages_are_read(org: SalesOrg) -> None:
    """A listing goes on over its pages to the end."""
    org.state["page"] = 1
    lead = org.client.prospects.ensure(EMAIL, ADA).id
    for _ in range(3):
        org.people.sales.add_to_sequence("staff-64", lead, LEADS)
        org.people.sales.reply(lead, LEADS)
    assert len(org.client.sequences.of(lead, LEADS)) == 3


# -- the organisation


def test_an_organisation_as_needed(org: SalesOrg) -> None:
    """The seeded organisation has what is needed, also seen by a client that needs nothing."""
    org.client.demand()
    org.connect(needs=Needs()).demand()


def test_all_that_is_to_be_mended_is_said(org: SalesOrg) -> None:
    """One fault names every sequence, the template and the webhooks that are wrong."""
    org.records("template")[INTRO_TEMPLATE]["attributes"] |= {
        "ccRecipients": ["other@casework.example"],
        "archived": True,
        "name": "Technical intro",
    }
    org.records("sequence")[LEADS]["attributes"]["locked"] = True
    org.records("webhook")["1001"]["attributes"]["active"] = False
    needs = Needs((LEADS, OLD, "999"), INTRO_TEMPLATE, SUPPORT, HOOKS, "Technical Support Intro")
    with pytest.raises(Misconfigured) as told:
        org.connect(needs=needs).demand()
    for part in (
        f"sequence {LEADS} is locked",
        f"sequence {OLD} is switched off",
        "there is no sequence 999",
        f"template {INTRO_TEMPLATE} is archived",
        f"template {INTRO_TEMPLATE} is not called 'Technical Support Intro'",
        "outreach.support_address",
        "no active webhook of prospect leads",
    ):
        assert part in str(told.value)
    assert "sequenceState leads" not in str(told.value)
    with pytest.raises(Misconfigured, match="no template 999"):
        org.connect(needs=Needs(template="999", copied=SUPPORT)).demand()


# -- faults and limits


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (refusal(422), Refused, "validationError of emails"),
        (refusal(400), Refused, "validationError"),
        (refusal(403), Misconfigured, "scopes"),
        (refusal(404), NotFound, "no such thing"),
        (refusal(415), Refused, "refused"),
        (httpx.Response(409, text=PLANTED), Refused, "refused"),
        (httpx.Response(422, json=[PLANTED]), Refused, "refused"),
        (
            httpx.Response(422, json={"errors": [PLANTED, {"id": "two words"}, {"id": "x", "source": "y"}]}),
            Refused,
            "x",
        ),
        (httpx.Response(200, json={"data": {**PROSPECT, "id": PLANTED}}), Refused, "another shape"),
        (httpx.Response(200, json={}), Refused, "no 'data'"),
        (httpx.Response(302, headers={"location": f"https://{PLANTED}.example"}), Misconfigured, "redirects"),
    ],
)
def test_errors_speak_and_quote_nobody(
    answer: httpx.Response, kind: type[SystemFault], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An error has its kind, the vendor's code and the attribute; neither it nor the log has anybody's words."""
    caplog.set_level(logging.DEBUG)
    client, org = answering(answer)
    # Not all of these answers are of the description.
    org.asked._described = lambda _: None  # type: ignore[method-assign,assignment]
    with pytest.raises(kind, match=said) as told:
        client.sequences.sequence("7")
    assert PLANTED not in str(told.value) + caplog.text


@pytest.mark.parametrize(
    ("given", "waits"),
    [
        ("120", 120),
        ("2026-03-02T09:05:00", 300),
        ("2026-03-02T09:05:00.000+00:00", 300),
        ("1772442300", 300),
        ("2026-03-02T08:00:00Z", 0),
        ("2027-03-02T08:00:00Z", 86_400),
        ("soon", 3600),
        ("", 3600),
    ],
)
def test_how_long_to_wait(given: str, waits: float) -> None:
    """`Retry-After` is read as seconds, as a moment or as seconds since 1970; else an hour is waited, at most a day."""
    headers = {"Date": "Mon, 02 Mar 2026 09:00:00 GMT", "Retry-After": given}
    client, org = answering(*[refusal(429, **headers)] * 4)
    with pytest.raises(Temporary) as told:
        client.sequences.sequence("7")
    assert told.value.retry_after == waits
    assert not told.value.maybe_done
    assert len(org.clock.slept) == (3 if waits <= 20 else 0)


def test_the_hour_is_used_up(org: SalesOrg, lead: str) -> None:
    """Over the hour's limit nothing is done, and it is said when there is room again; then there is."""
    org.state["limits"]["used"] = org.state["limits"]["hourly"]
    org.clock.time += timedelta(minutes=20)
    with pytest.raises(Temporary, match="requests of the hour") as told:
        org.client.sequences.add(lead, LEADS, org.mailbox(), since=org.clock.time)
    assert told.value.retry_after == 2400
    assert not told.value.maybe_done
    assert org.records("sequenceState") == {}
    org.clock.time += timedelta(seconds=told.value.retry_after)
    org.client.sequences.add(lead, LEADS, org.mailbox(), since=org.clock.time)


def test_maintenance_has_an_end() -> None:
    """While Outreach is maintained nothing was done, and it says until when."""
    headers = {"Date": "Mon, 02 Mar 2026 09:00:00 GMT", "Retry-After": "2026-03-02T10:00:00Z"}
    client, _ = answering(nothing(), refusal(503, **headers))
    with pytest.raises(Temporary, match="being maintained") as told:
        client.prospects.ensure(EMAIL, ADA)
    assert (told.value.retry_after, told.value.maybe_done) == (3600, False)


def test_nobody_is_shown(org: SalesOrg, lead: str, caplog: pytest.LogCaptureFixture) -> None:
    """Names, addresses and companies are in no log and no repr, though addresses travel in queries."""
    caplog.set_level(logging.DEBUG)
    found = org.client.prospects.by_email(EMAIL)
    state = org.client.sequences.add(lead, LEADS, org.mailbox(), since=org.clock.time)
    member = org.world.state["roster"]["staff"]["staff-64"]
    box = org.client.colleagues.mailbox(member["email"])
    shown = caplog.text + repr((found, state, box, ADA, org.client.sequences.template(INTRO_TEMPLATE)))
    for word in ("ada", PLANTED.lower(), member["email"], SUPPORT):
        assert word not in shown.lower()


@pytest.mark.parametrize("values", [(), ("",), ("a,b",), ("1..5",), (" ",)])
def test_filters_mean_what_they_say(values: tuple[str, ...]) -> None:
    """What Outreach would read as a list, a range or all is not sent as one value."""
    with pytest.raises(ValueError, match="a filter takes"):
        listed(*values)
    assert listed("a", "b") == "a,b"


def test_bodies_are_json_api(org: SalesOrg, lead: str) -> None:
    """Every request but the one for tokens is of JSON:API's own media type."""
    kinds = {(one.url.path, one.headers.get("content-type")) for one in org.asked.requests}
    assert {kind for path, kind in kinds if path != "/oauth/token"} == {"application/vnd.api+json"}
    assert ("/oauth/token", "application/x-www-form-urlencoded") in kinds


def test_two_vendors_do_not_share_tokens(org: SalesOrg) -> None:
    """A client with a store of its own asks for tokens of its own."""
    org.client.demand()
    org.clock.sleep(61)
    org.connect(kept=Kept()).demand()
    assert len(org.sent("POST", "/oauth/token")) == 2
