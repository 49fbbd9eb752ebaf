"""What is looked up and done for a document change across Jira, Typeform and the product."""

from __future__ import annotations

import pytest

from casework.sandbox import jira_index, seed_documents
from casework.systems.errors import NotFound
from policies.document_change import Ask, Facts, Role, Subscription, least_loaded
from tasks import documents, jira, typeform
from tests.scenarios.documents import Studio


def ticket_of(studio: Studio, user: str, **answers: object) -> str:
    """A ticket that a survey has made; no case runs for it."""
    token = studio.people.customer.answer_survey(user, answers)
    return studio.people.customer.file_survey(token)


def facts(studio: Studio, ticket: str, address: str | None) -> Facts:
    """What is known of a reporter with this address in Jira."""
    account = studio.jira.desk.create_customer(address or "nobody@elsewhere-77aa.example", "Somebody")
    if address is None:
        del studio.world.state["jira"]["users"][account]["emailAddress"]
    studio.jira.edit(ticket, reporter=account)
    return documents.facts.fn(ticket, Ask())


def test_who_asks(studio: Studio) -> None:
    """The reporter's account is that of exactly their address, with role and subscription of the upstream one."""
    ticket = ticket_of(studio, "user-209")
    documents.complete.fn(ticket)
    account = documents.facts.fn(ticket, Ask()).account
    assert account is not None
    assert (account.user, account.organization, account.upstream) == ("user-209", "org-505", "org-501")
    assert (account.role, account.subscription) == (Role.MANAGER, Subscription.PRO)


@pytest.mark.parametrize(
    "address",
    [
        "%@vellumgate-3c4d.example",
        "ttilie.vellumgate-roe@vellumgate-3c4d.example",
        "o'brien@vellumgate-3c4d.example",
        "ottilie_vellumgate-roe@vellumgate-3c4d.example",
        None,
    ],
)
def test_nobody_else_is_found(studio: Studio, address: str | None) -> None:
    """An address with a wildcard, a part of one, a quote, or none at all finds no account."""
    assert facts(studio, ticket_of(studio, "user-201"), address).account is None


def test_two_accounts_with_one_address(studio: Studio) -> None:
    """Of two accounts with the same address none is guessed."""
    ticket = ticket_of(studio, "user-201")
    documents.complete.fn(ticket)
    studio.product_says(
        "INSERT INTO users SELECT 'user-999', upper(email), 'org-502', 1 FROM users WHERE id = ?", "user-201"
    )
    assert documents.facts.fn(ticket, Ask()).account is None


def test_several_roles_are_one_account(studio: Studio) -> None:
    """Whoever is manager and something else besides is a manager; an unknown role is no right."""
    ticket = ticket_of(studio, "user-203")
    documents.complete.fn(ticket)
    studio.product_says("INSERT INTO organization_roles VALUES ('user-203', 'org-501', ?)", "manager")
    studio.product_says("UPDATE organizations SET subscription = ? WHERE id = 'org-501'", "Pro (trial)")
    account = documents.facts.fn(ticket, Ask()).account
    assert account is not None
    assert (account.role, account.subscription) == (Role.MANAGER, Subscription.OTHER)


@pytest.mark.parametrize(
    ("answers", "asked", "test"),
    [
        ({}, ("add", 1), "wanted"),
        ({"change": "Edit a document", "documents": 4, "test_on_onboard": False}, ("edit", 4), "not-wanted"),
        ({"documents": 0}, (None, None), "wanted"),
        ({"documents": 1.5}, (None, None), "wanted"),
    ],
)
def test_what_the_survey_asks_for(
    studio: Studio, answers: dict[str, object], asked: tuple[str | None, int | None], test: str
) -> None:
    """A whole number of documents to edit or add, or nothing is known; and whether it shall be tested."""
    said = typeform.survey.fn(ticket_of(studio, "user-201", **answers))
    assert (said.ask.change, said.ask.documents, said.test) == (*asked, test)


def test_a_ticket_made_by_hand(studio: Studio) -> None:
    """A ticket without a survey keeps its reporter, and says nothing of what is asked for."""
    ticket = studio.jira.create_issue("SS", "Service Request", "Document Survey: by hand", "Hello", reference="hand")
    reporter = studio.jira.issue(ticket).reporter
    assert documents.complete.fn(ticket) is None
    assert studio.jira.issue(ticket).reporter == reporter
    assert typeform.survey.fn(ticket) == typeform.Survey()
    assert typeform.subject.fn(ticket) is None


def test_who_has_how_much(studio: Studio) -> None:
    """Everybody who can be given CS's tickets, with how many are open of those that were made before this one."""
    assert [loads(studio, f"CS-{number}") for number in (5, 1)] == [(3, 1, 0), (0, 0, 0)]
    studio.people.agent.move_issue("CS-1", "Published on Engine", "staff-71")
    assert loads(studio, configured(studio)) == (2, 1, 1)
    with pytest.raises(NotFound):
        loads(studio, "CS-4242")


def configured(studio: Studio) -> str:
    """A ticket of CS's that Jira's rule has just made from one of support's."""
    ticket = ticket_of(studio, "user-201")
    return str(documents.request_configuration.fn(ticket, ()))


def loads(studio: Studio, task: str) -> tuple[int, ...]:
    """How many open tickets each of the three in CS has, as a case sees it that gives out this one."""
    staff = {one.get("jira_id"): name for name, one in studio.world.state["roster"]["staff"].items()}
    found = {staff[one.agent]: one.open_tickets for one in documents.workloads.fn(task)}
    assert sorted(found) == ["staff-71", "staff-72", "staff-73"]
    return tuple(found[name] for name in sorted(found))


def test_tickets_at_one_instant(studio: Studio) -> None:
    """Two cases that look before either has given its ticket away come to different colleagues, index late or not."""
    for lag in (0, 300):
        jira_index.lag(studio.world, lag)
        first, second = configured(studio), configured(studio)
        chosen = {task: least_loaded(documents.workloads.fn(task)) for task in (second, first)}
        assert chosen[first] != chosen[second]
        for task, agent in chosen.items():
            studio.jira.edit(task, assignee=agent)
        studio.engine.sleep(400)


def test_an_index_that_is_late(studio: Studio) -> None:
    """What Jira's search does not know yet is counted all the same: given, given elsewhere, deleted, done."""
    jira_index.lag(studio.world, 300)
    staff = studio.world.state["roster"]["staff"]
    tasks = [configured(studio) for _ in range(4)]
    for task, agent in zip(tasks[:3], ("staff-72", "staff-72", "staff-73"), strict=True):
        studio.jira.edit(task, assignee=staff[agent]["jira_id"])
    counted = [studio.jira.people.load("CS", staff[name]["jira_id"]).open for name in ("staff-71", "staff-72")]
    assert counted == [3, 1]
    assert loads(studio, tasks[3]) == (3, 3, 2)
    studio.people.agent.delete_issue(tasks[0])
    studio.people.agent.move_issue(tasks[2], "Canceled", "staff-73")
    assert loads(studio, tasks[3]) == (3, 2, 1)
    studio.engine.sleep(60 * 11)
    assert loads(studio, configured(studio)) == (3, 2, 1)


def test_a_ticket_that_nobody_gives_out(studio: Studio) -> None:
    """A new ticket that somebody in CS made for themselves and gave to nobody is not counted for anybody."""
    studio.jira.create_issue("CS", "Task", "Our own", "Hello", reference="own")
    assert loads(studio, configured(studio)) == (3, 1, 1)


def test_only_customers_are_heard(studio: Studio) -> None:
    """Replies are public comments of customers above an id: not our own, colleagues', internal ones or the rules'."""
    ticket, _ = studio.survey("user-201")
    studio.people.agent.comment_issue(ticket, "staff-61", "Public", public=True)
    studio.people.agent.comment_issue(ticket, "staff-61", "Internal")
    mine = studio.people.customer.comment_issue(ticket, "Hello")
    theirs = studio.people.customer.comment_issue(ticket, "I am from there too", "user-202")
    assert [heard.values["comment"] for heard in jira.replies(ticket, 0)] == [mine, theirs]
    assert [heard.values["comment"] for heard in jira.replies(ticket, mine)] == [theirs]
    assert jira.last_reply.fn(ticket) == theirs


@pytest.mark.parametrize(
    ("status", "why"), [("Needs Configuration", None), ("Closed", "the ticket was closed"), (None, "was deleted")]
)
def test_lost_ground(studio: Studio, status: str | None, why: str | None) -> None:
    """A ticket that is closed or deleted is no ground for a case any more."""
    ticket = ticket_of(studio, "user-201")
    if status is None:
        studio.people.agent.delete_issue(ticket)
    else:
        studio.people.agent.move_issue(ticket, status, "staff-61")
    found = jira.gone(ticket)
    assert found is None if why is None else why in str(found)


def test_a_very_long_comment(studio: Studio) -> None:
    """A comment that with our words would be longer than Jira takes is cut, and says where the rest is."""
    ticket, run = studio.survey("user-201")
    studio.write(ticket, "x" * 32_000)
    assert studio.waiting(run) == ["configuration/2"]
    (note,) = [note for note in studio.notes(ticket) if "xxxx" in note]
    assert "The rest is in that comment" in note
    assert note.count("x") >= jira.MOST_CHARACTERS
    assert seed_documents.CONFIGURATION in studio.task(ticket)
