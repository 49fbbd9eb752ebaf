"""The Jira client over the stand-in: what it reads, changes and finds again, and what it makes of trouble."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from casework.sandbox.misbehave import Fault
from casework.sandbox.seed_documents import (
    CONFIGURATION,
    NEEDS_CONFIGURATION,
    ORGANIZATIONS,
    REQUEST,
    REQUEST_TYPE,
    SUPPORT,
    SURVEY_RESPONSE,
)
from casework.systems import NotSetUp
from casework.systems.errors import Misconfigured, NotFound, Refused, Temporary
from casework.systems.jira import Jira
from casework.systems.jira_models import Load
from casework.systems.jql import contains, quote
from tests.systems.sites import Site
from tests.systems.vendor import PLANTED, Vendor, in_turn

NOTHING: dict[str, object] = {"errorMessages": [], "errors": {}}


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.world.close()


def sent(site: Site, method: str, ending: str) -> int:
    """How often something was asked for."""
    asked = site.jira_asked.requests
    return sum(1 for one in asked if one.method == method and one.url.path.endswith(ending))


# -- reading


def test_an_issue_is_read_with_the_fields_asked_for(site: Site) -> None:
    """Ids, status and times are plain; fields of the site's own come by their ids; nothing personal is shown."""
    token = site.people.customer.answer_survey("user-201")
    key = site.people.customer.file_survey(token)
    issue = site.jira.issue(key, [SURVEY_RESPONSE, ORGANIZATIONS])
    assert (issue.key, issue.project, issue.status, issue.done) == (key, SUPPORT, "Waiting for support", False)
    assert (issue.assignee, issue.resolution, issue.labels, issue.links) == (None, None, (), ())
    assert issue.created == site.clock.time == issue.updated
    assert issue.created.tzinfo is UTC
    assert issue.custom == {SURVEY_RESPONSE: token, ORGANIZATIONS: None}
    assert issue.summary == "Document Survey: Vellumgate Finance"
    assert f"Response: {token}" in issue.text
    assert not [planted for planted in site.world.planted if planted in repr(issue)]


def test_a_missing_issue_is_not_found(site: Site) -> None:
    """An issue that is not there, or was deleted, is `NotFound`, and the fault names its key."""
    key = site.request()
    site.people.agent.delete_issue(key)
    for gone in (key, "SS-999"):
        with pytest.raises(NotFound, match=f"read issue {gone}"):
            site.jira.issue(gone)


def test_wrong_credentials_are_our_own_fault(site: Site) -> None:
    """A refused token stops everything, and is not shown."""
    stranger = Jira("https://jira.example", "robot@support.example", "s3cret", transport=site.jira_asked)
    with pytest.raises(Misconfigured, match="denies access") as caught:
        stranger.own_id()
    assert "s3cret" not in str(caught.value)


def test_the_account_is_asked_for_once(site: Site) -> None:
    """Who we are is kept, and known only once it was asked for."""
    before = site.jira.known_own_id
    assert before is None
    assert site.jira.own_id() == site.jira.own_id() == site.jira.known_own_id
    assert sent(site, "GET", "/myself") == 1


# -- searching


def test_a_search_reads_every_page_once(site: Site) -> None:
    """More than a page is found whole, in order, and a limit ends it."""
    for number in range(230):
        site.jira.create_issue(CONFIGURATION, "Task", f"n {number}", "x", reference=f"cw-{number}")
    jql = f"project = {quote(CONFIGURATION)} AND labels is not EMPTY ORDER BY created ASC"
    found = [issue.labels[0] for issue in site.jira.search(jql)]
    assert found == [f"cw-{number}" for number in range(230)]
    assert [issue.labels[0] for issue in site.jira.search(jql, limit=120)] == found[:120]
    assert site.jira.count(jql) == 230
    assert sent(site, "POST", "/search/jql") == 3 + 2


def test_a_response_finds_its_issue(site: Site) -> None:
    """The token of a survey finds the issue that was made from it, and only that."""
    token = site.people.customer.answer_survey("user-201")
    assert list(site.jira.search(contains(SURVEY_RESPONSE, token))) == []
    site.request("user-204")
    key = site.people.customer.file_survey(token)
    assert [issue.key for issue in site.jira.search(contains(SURVEY_RESPONSE, token))] == [key]


@pytest.mark.parametrize("value", ['" OR project = SS', "\\", '\\" OR key = CS-1 OR labels = "', "a\nb", "ü😀"])
def test_no_value_escapes_from_a_search(site: Site, value: str) -> None:
    """Whatever is in a bound value, it is compared as a value: nothing else is found, and nothing is refused."""
    assert list(site.jira.search(f"project = {quote(CONFIGURATION)} AND labels = {quote(value)}")) == []


def test_a_wrong_search_is_refused_without_its_words(site: Site) -> None:
    """What Jira says about a query quotes it, so that is left out."""
    with pytest.raises(Refused, match="search issues") as caught:
        list(site.jira.search(f"assignee = {quote(PLANTED)}"))
    assert PLANTED not in str(caught.value)


# -- changing


def test_a_ticket_is_completed(site: Site) -> None:
    """Reporter, organisation and request type are set in one edit, which may be repeated."""
    key, jira = site.request(), site.jira
    user = jira.people.by_email(site.world.state["roster"]["users"]["user-201"]["email"])
    assert user is not None
    custom = {
        ORGANIZATIONS: [jira.desk.organization_id(SUPPORT, "Vellumgate Finance")],
        REQUEST_TYPE: jira.desk.request_type_id(SUPPORT, REQUEST.upper()),
    }
    for _ in range(2):
        jira.edit(key, reporter=user.account_id, custom=custom)
    issue = jira.issue(key, [ORGANIZATIONS, REQUEST_TYPE])
    assert (user.kind, issue.reporter) == ("customer", user.account_id)
    assert issue.custom[ORGANIZATIONS] == [{"id": "1", "name": "Vellumgate Finance"}]
    assert issue.custom[REQUEST_TYPE]["requestType"]["name"] == REQUEST
    assert user.email is not None
    assert user.email not in repr(user)


def test_a_refused_edit_names_the_fields_alone(site: Site) -> None:
    """Jira says which field and quotes the value; the fault has the field."""
    with pytest.raises(Refused, match=r"edit issue CS-1: refused: components") as caught:
        site.jira.edit("CS-1", components=[PLANTED])
    assert PLANTED not in str(caught.value)
    with pytest.raises(ValueError, match="at least one field"):
        site.jira.edit("CS-1")


def test_what_a_field_takes_is_known_before(site: Site) -> None:
    """Components and options by name; nothing for a field that takes anything, or is not there."""
    assert "Vellumgate Finance" in site.jira.allowed("CS-1", "components")
    assert site.jira.allowed(site.request(), NEEDS_CONFIGURATION) == ("Docs", "Branding")
    assert site.jira.allowed("CS-1", "summary") == site.jira.allowed("CS-1", NEEDS_CONFIGURATION) == ()


def test_a_status_is_reached_by_its_name(site: Site) -> None:
    """The transition that leads there is taken; standing there already moves nothing."""
    assert site.jira.set_status("CS-1", "on hold") is True
    assert site.jira.set_status("CS-1", "On Hold") is False
    assert site.jira.issue("CS-1").status == "On Hold"
    assert sent(site, "POST", "/transitions") == 1
    assert set(site.jira.statuses("CS-1")) == {"In Progress", "To Do", "Published on Engine", "Canceled"}


def test_a_status_out_of_reach_is_refused(site: Site) -> None:
    """Where no transition leads, a person must look; nothing is tried."""
    site.jira.set_status("CS-1", "Published on Engine")
    with pytest.raises(Refused, match="move issue CS-1 to On Hold: no transition leads there"):
        site.jira.set_status("CS-1", "On Hold")
    issue = site.jira.issue("CS-1")
    assert (issue.done, issue.resolution) == (True, "Done")


def test_somebody_else_may_move_it_first(site: Site) -> None:
    """Jira refuses a transition that another has just made: that it stands there is what counts."""
    moved = Vendor("jira", lambda request: _raced(site, request))
    known = site.world.credentials
    jira = Jira("https://jira.example", known["jira_email"], known["jira_token"], transport=moved)
    assert jira.set_status("CS-1", "On Hold") is True
    assert [one.method for one in moved.requests] == ["GET", "GET", "POST", "GET"]


def _raced(site: Site, request: httpx.Request) -> httpx.Response:
    if request.method == "POST":
        site.people.agent.move_issue("CS-1", "On Hold", "staff-71")
    return site.jira_asked._handler(request)


def test_a_lost_transition_is_found_done(site: Site) -> None:
    """After a lost answer, doubt is raised; asked again, the status says that it was done."""
    site.world.misbehave("jira", Fault.answer_lost(), match="POST /rest/api/3/issue/CS-1/transitions")
    with pytest.raises(Temporary) as caught:
        site.jira.set_status("CS-1", "On Hold")
    assert caught.value.maybe_done
    assert site.jira.set_status("CS-1", "On Hold") is False


def test_a_conflict_is_temporary(site: Site) -> None:
    """409: somebody else is changing the issue, and nothing was done."""
    vendor = Vendor("jira", in_turn(httpx.Response(409, json=NOTHING)))
    with pytest.raises(Temporary, match="someone else is changing the issue") as caught:
        Jira("https://jira.example", "a@b.example", "t", transport=vendor).edit("CS-1", labels=["x"])
    assert not caught.value.maybe_done


# -- comments


@pytest.mark.parametrize("public", [True, False])
def test_comments_are_for_whom_they_are_meant(site: Site, public: bool) -> None:
    """A customer reads public comments only; text comes back as it was written, with paragraphs and lines."""
    key, text = site.request(), "Hello,\nplease see https://casework.example/a.\n\nRef cw-1"
    number = site.jira.add_comment(key, text, public=public)
    (comment,) = site.jira.comments(key)
    assert (comment.id, comment.public, comment.text) == (number, public, text)
    assert comment.author == site.jira.own_id()
    assert "Hello" not in repr(comment)
    assert list(site.jira.comments(key, after=number)) == []


def test_a_comment_is_written_once_and_found_again(site: Site) -> None:
    """A lost comment is not repeated; it is found by its marker among our own, and a customer's quote is not it."""
    key = site.request()
    site.people.customer.comment_issue(key, "You wrote:\nRef cw-1", "user-201")
    assert site.jira.find_comment(key, "cw-1") is None
    site.world.misbehave("jira", Fault.answer_lost(), match=f"POST /rest/api/3/issue/{key}/comment")
    with pytest.raises(Temporary) as caught:
        site.jira.add_comment(key, f"{PLANTED}\n\nRef cw-1", public=True)
    assert caught.value.maybe_done
    assert PLANTED not in str(caught.value)
    found = site.jira.find_comment(key, "cw-1")
    assert found is not None
    assert found.public
    assert sent(site, "POST", "/comment") == 1


def test_comments_of_many_pages_come_oldest_first(site: Site) -> None:
    """Every comment once, by number, over pages of a hundred."""
    key = site.request()
    written = [site.people.agent.comment_issue(key, "staff-61", f"{n}") for n in range(203)]
    assert [comment.id for comment in site.jira.comments(key)] == written
    assert sent(site, "GET", "/comment") == 3


# -- making


def test_an_issue_is_made_once(site: Site) -> None:
    """A lost answer is found by the label: along the link at once, or by a search."""
    key, jira = site.request(), site.jira
    site.world.misbehave("jira", Fault.answer_lost(), match="POST /rest/api/3/issue")
    with pytest.raises(Temporary) as caught:
        jira.create_issue(CONFIGURATION, "Task", PLANTED, "x", reference="cw-1", linked_to=key, components=[])
    assert caught.value.maybe_done
    made = jira.find_issue(CONFIGURATION, "cw-1", linked_to=key)
    assert made is not None
    assert made == jira.find_issue(CONFIGURATION, "cw-1")
    assert jira.find_issue(CONFIGURATION, "cw-2") is jira.find_issue(CONFIGURATION, "cw-2", linked_to=key) is None
    assert [(one.key, one.project, one.status) for one in jira.issue(key).links] == [(made, CONFIGURATION, "To Do")]
    with pytest.raises(ValueError, match="label"):
        jira.create_issue(CONFIGURATION, "Task", "s", "x", reference="two words")


def test_a_link_is_made_once(site: Site) -> None:
    """Linking again, from either end, asks for nothing."""
    for first, second in (("CS-1", "CS-2"), ("CS-1", "CS-2"), ("CS-2", "CS-1")):
        site.jira.link(first, second)
    assert sent(site, "POST", "/issueLink") == 1
    assert [one.key for one in site.jira.issue("CS-2").links] == ["CS-1"]


def test_a_rule_of_jiras_is_waited_for(site: Site) -> None:
    """Choosing what needs configuration lets Jira make the other issue: it is there a moment later, and once."""
    key, jira = site.request(), site.jira
    for _ in range(2):
        jira.choose(key, NEEDS_CONFIGURATION, "Docs")
    made = jira.await_linked(key, CONFIGURATION)
    issue = jira.issue(made)
    assert (issue.project, issue.status, issue.assignee) == (CONFIGURATION, "To Do", None)
    assert len(jira.issue(key).links) == 1
    jira.choose(key, NEEDS_CONFIGURATION, None)
    jira.choose(key, NEEDS_CONFIGURATION, "Docs")
    assert jira.await_linked(key, CONFIGURATION, besides=[made]) not in ("", made)


def test_a_rule_that_never_runs_ends_the_wait(site: Site) -> None:
    """After half a minute the wait is given up; nothing was done, so it may be asked again."""
    with pytest.raises(Temporary, match="no issue of CS is linked") as caught:
        site.jira.await_linked(site.request(), CONFIGURATION)
    assert not caught.value.maybe_done
    assert sum(site.clock.slept) == 29


# -- people


@pytest.mark.parametrize("wrong", ["", " ", "%", "_", "*", "roe@vellumgate-3c4d.example", "ottilie.vellumgate-roe"])
def test_only_the_whole_address_finds_somebody(site: Site, wrong: str) -> None:
    """Part of an address, or a pattern, finds nobody."""
    assert site.jira.people.by_email(wrong) is None


def test_an_address_finds_its_owner(site: Site) -> None:
    """Case and blanks aside; not whoever's address has it in it, and not those who hide theirs."""
    roster, people = site.world.state["roster"]["users"], site.jira.people
    found = people.by_email(f" {roster['user-201']['email'].upper()} ")
    assert found is not None
    assert found.account_id == site.account("user-201")
    assert people.by_email(roster["user-208"]["email"]) is None
    made = site.jira.desk.create_customer(roster["user-208"]["email"], "x")
    again = people.by_email(roster["user-208"]["email"])
    assert again is not None
    assert again.account_id == made
    with pytest.raises(Refused):
        site.jira.desk.create_customer(roster["user-208"]["email"], "x")
    del site.world.state["jira"]["users"][made]["emailAddress"]
    assert people.by_email(roster["user-208"]["email"]) is None
    with pytest.raises(NotFound):
        people.user("nobody")


def test_of_several_with_an_address_the_active_colleague_counts(site: Site) -> None:
    """An address may have an account of each kind; the order is the same each time."""
    entry = {"emailAddress": "two@b.example", "active": True, "displayName": "Two"}
    users = [
        {**entry, "accountId": "a", "accountType": "atlassian", "active": False},
        {**entry, "accountId": "b", "accountType": "customer"},
        {**entry, "accountId": "c", "accountType": "atlassian"},
    ]
    vendor = Vendor("jira", in_turn(httpx.Response(200, json=users), httpx.Response(200, json=[])))
    found = Jira("https://jira.example", "a@b.example", "t", transport=vendor).people.by_email("two@b.example")
    assert found is not None
    assert found.account_id == "c"


def test_work_is_counted_for_each_colleague(site: Site) -> None:
    """Open issues and when one was last assigned: closing takes from the one, reassigning adds to the other."""
    jira, agents = site.jira, [site.account(f"staff-7{n}") for n in (1, 2, 3)]
    assert list(jira.people.assignable(CONFIGURATION)) == agents
    loads = [jira.people.load(CONFIGURATION, account) for account in agents]
    assert [load.open for load in loads] == [3, 1, 1]
    assert loads[1].last_assigned is not None
    assert loads[2].last_assigned is not None
    assert loads[1].last_assigned < loads[2].last_assigned < site.clock.time
    site.clock.time += timedelta(days=1)
    jira.edit("CS-1", assignee=agents[1])
    site.clock.time += timedelta(days=1)
    jira.add_comment("CS-2", "moves `updated`, and no assignment", public=False)
    jira.set_status("CS-3", "Published on Engine")
    assert jira.people.load(CONFIGURATION, agents[0]) == Load(agents[0], 1, datetime(2026, 2, 3, 9, tzinfo=UTC))
    assert jira.people.load(CONFIGURATION, agents[1]) == Load(agents[1], 2, datetime(2026, 3, 3, 9, tzinfo=UTC))
    assert jira.people.load(CONFIGURATION, site.account("staff-61")) == Load(site.account("staff-61"), 0, None)


def test_those_who_left_are_given_nothing(site: Site) -> None:
    """Inactive accounts are not offered."""
    site.world.state["jira"]["users"][site.account("staff-72")]["active"] = False
    assert site.jira.people.assignable(CONFIGURATION) == (site.account("staff-71"), site.account("staff-73"))


# -- the desk


def test_names_of_the_desk_are_exact(site: Site) -> None:
    """A near name of an organisation or a request type is none; two of a name need a person."""
    desk = site.jira.desk
    for wrong in ("Vellumgate", "vellumgate finance", "%", ""):
        with pytest.raises(NotFound, match="none of this name"):
            desk.organization_id(SUPPORT, wrong)
    with pytest.raises(NotFound):
        desk.request_type_id(SUPPORT, "Company")
    with pytest.raises(NotFound, match="service desk of CS"):
        desk.request_type_id(CONFIGURATION, REQUEST)
    site.world.state["jira"]["organizations"]["2"]["name"] = "Vellumgate Finance"
    with pytest.raises(Refused, match="2 have this name"):
        desk.organization_id(SUPPORT, "Vellumgate Finance")


def test_participants_are_added_once(site: Site) -> None:
    """Adding again changes nothing."""
    key = site.request()
    for _ in range(2):
        site.jira.desk.add_participants(key, [site.account("user-202"), site.account("user-203")])
    assert site.jira.desk.participants(key) == (site.account("user-202"), site.account("user-203"))


# -- trouble

CALLS: dict[str, Callable[[Site], Any]] = {
    "issue": lambda site: site.jira.issue("CS-1"),
    "search": lambda site: list(site.jira.search("project = CS")),
    "count": lambda site: site.jira.count("project = CS"),
    "edit": lambda site: site.jira.edit("CS-1", labels=["x"]),
    "comments": lambda site: list(site.jira.comments("CS-1")),
    "people": lambda site: site.jira.people.assignable(CONFIGURATION),
    "desk": lambda site: site.jira.desk.request_type_id(SUPPORT, REQUEST),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "fault", [Fault.server_error(503), Fault.timeout(), Fault.answer_lost(), Fault.rate_limited(3)]
)
def test_what_may_be_repeated_is_repeated(site: Site, call: str, fault: Fault) -> None:
    """Reading and setting go on after one failure of any kind, and wait as long as Jira asks."""
    site.world.misbehave("jira", fault)
    CALLS[call](site)
    assert len(site.clock.slept) == 1
    assert site.clock.slept[0] >= (3 if fault.kind == "rate_limited" else 0)


@pytest.mark.parametrize("fault", [Fault.timeout(), Fault.answer_lost(), Fault.server_error(), Fault.block_page()])
def test_what_makes_something_is_left_in_doubt(site: Site, fault: Fault) -> None:
    """A comment and an issue are asked for once; any doubt is raised."""
    calls: list[Callable[[], object]] = [
        lambda: site.jira.add_comment("CS-1", "x", public=False),
        lambda: site.jira.create_issue(CONFIGURATION, "Task", "s", "x", reference="cw-1"),
    ]
    for call in calls:
        site.world.misbehave("jira", fault)
        with pytest.raises(Temporary) as caught:
            call()
        assert caught.value.maybe_done
    assert len(site.jira_asked.requests) == 2


def test_being_turned_away_is_no_doubt(site: Site) -> None:
    """After 429 nothing was done, so a comment is tried again, and made once."""
    site.world.misbehave("jira", Fault.rate_limited(2))
    site.jira.add_comment("CS-1", "x", public=False)
    assert len(list(site.jira.comments("CS-1"))) == 1


def test_a_jira_that_is_not_set_up_says_so() -> None:
    """A deployment without Jira is told at the first use what to set."""
    with pytest.raises(Misconfigured, match=r"Jira: issue: it is not set up: jira\.url is not set"):
        NotSetUp("Jira", "jira.url").issue("SS-1")
