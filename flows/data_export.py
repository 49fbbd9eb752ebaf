"""The data export: a customer team asks for all its data, and gets it once, or learns why not.

Source: the organisation's policy page "Data exports". What is decided stands in `policies.data_export`, every
number in its TOML file, every text in its messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from casework import clock
from casework.clock import Days, Delay, Until, WorkingDays
from casework.people import Invitation, Person, Role
from casework.process import process, standing
from casework.wait import Act, wait_for
from flows import data_export_forms as forms
from flows import handing_over_forms as handover
from flows.asking import ask_operators, in_slack, look_every, office, show_outcome
from flows.handing_over import Parcel, certify, deliver, last_word
from policies import data_export as policy
from policies import messages
from policies.data_export import NUMBERS, Ask, Ending, Facts, Missing, NamedBy, Team
from tasks import accounts, asana, delivery, drop, people, zendesk


@process("data-export", subject="zendesk:ticket:{ticket}", watch=zendesk.gone)
def data_export(ticket: int) -> str:
    """Give a customer team all its data: verified, agreed to, downloaded once, destroyed and certified.

    Start it with the number of the Zendesk ticket. It waits days for people without holding a process; the story
    of each case is the artifact of its run.
    """
    request = qualify(ticket)
    if isinstance(request, str):
        return request
    copies = tell(request)
    if not ask_reason(request, copies):
        zendesk.reply(ticket, "data_export/withdrawn", status="solved")
        return Ending.WITHDRAWN
    denial = ask_approval(request)
    if denial is not None:
        return denial

    prefix = delivery.allot(drop.prefix())
    task = ask_engineering(request, prefix)
    checked = await_deliverable(request, prefix, task)
    if checked is None:
        return finish(request, prefix, task, Ending.CANCELLED)
    return finish(request, prefix, task, *deliver(Parcel(ticket, prefix, checked)))


@dataclass(frozen=True)
class Request:
    """A qualified request; `decided_by` are those on our side who decided about it."""

    ticket: int
    team: Team
    ask: Ask
    decided_by: Sequence[str] = field(default=())

    @property
    def about(self) -> dict[str, Any]:
        """What questions and messages about it say."""
        return {"ticket": str(self.ticket), "ticket_link": zendesk.link_to(self.ticket), "team": self.team.id}


# -- 1. Verify: the five rows of the policy, in order


def qualify(ticket: int) -> Request | str:
    """The request, when it qualifies, or how the case ended."""
    facts = accounts.request_facts(ticket)
    decision = policy.decide(facts, today())
    decided_by: list[str] = []
    if isinstance(decision, policy.NotVerified):
        verified = verify(ticket, decision)
        if verified is None:
            days = NUMBERS.unverified_wait_days
            zendesk.reply(ticket, "data_export/unverified-closed", status="solved", days=days)
            return Ending.UNVERIFIED
        facts, decision, named_by = verified
        decided_by += named_by
    team = known(facts)
    standing(team.id, team.tier.value)
    if isinstance(decision, policy.PointToSelfServe | policy.AskOperators):
        decision, exempted_by = ask_exemption(ticket, team, decision)
        decided_by += exempted_by
    if isinstance(decision, policy.Refuse):
        return refuse(ticket, decision)
    zendesk.begin(ticket, "data_export/note-started", "data_export/cancelled", team=team.id, tier=team.tier.value)
    zendesk.note(ticket, "data_export/note-verified", team=team.id, why=decision.why)
    return Request(ticket, team, facts.ask, tuple(decided_by))


def verify(ticket: int, decision: policy.NotVerified) -> tuple[Facts, policy.Decision, tuple[str, ...]] | None:
    """Tell what is missing, wait for the customer, look again. Nobody can wave this through.

    With the facts and what they decide come the ids of those who said which team is meant.
    """
    start = clock.now()
    until = Days(NUMBERS.unverified_wait_days, office).after(start)
    remind = [Until(Days(day, office).after(start)) for day in NUMBERS.unverified_reminder_days]
    named: forms.TeamMeant | None = None
    while True:
        missing = [one.value for one in decision.missing]
        told = zendesk.reply(ticket, "data_export/not-verified", status="pending", missing=missing, until=until)
        zendesk.note(ticket, "data_export/note-not-verified", missing=missing, until=until)
        if Missing.WHICH_TEAM in decision.missing:
            named = ask_which_team(ticket, until)
            if named is None:
                return None
        elif not await_reply(
            ticket, "verification", told, Until(until), remind, "reminder", missing=missing, until=until
        ):
            return None
        by = NamedBy.OPERATORS if named else None
        facts = accounts.request_facts(ticket, named.team if named else None, by)
        looked = policy.decide(facts, today())
        if not isinstance(looked, policy.NotVerified):
            return facts, looked, (named.by,) if named else ()
        decision = looked


def ask_which_team(ticket: int, until: datetime) -> forms.TeamMeant | None:
    """Several teams could be meant: operators read on the ticket which one is, and nobody guesses."""
    teams = accounts.possible_teams(ticket)
    return ask_operators(forms.TeamMeant, ticket, "which-team", Until(until), teams=teams, until=until)


def ask_exemption(
    ticket: int, team: Team, decision: policy.PointToSelfServe | policy.AskOperators
) -> tuple[policy.Refuse | policy.Proceed, tuple[str, ...]]:
    """Rows 4 and 5: operators may go on with a reason, which is noted on the ticket."""
    within = WorkingDays(decision.within_working_days, office)
    until = within.after(clock.now())
    about: dict[str, Any] = {"team": team.id, "why": decision.why, "until": until}
    key = decision.question.removeprefix("question-")
    if isinstance(decision, policy.PointToSelfServe):
        zendesk.reply(ticket, f"data_export/{decision.message}", status="pending", **policy.wording(decision.message))
        zendesk.note(ticket, "data_export/note-self-serve", why=decision.why, until=until)
        about["candidates"] = team.candidates
    answer = ask_operators(forms.Exemption, ticket, key, within, **about)
    if answer is None:
        return policy.after_operators(decision, None), ()
    zendesk.note_words(
        ticket,
        "data_export/note-operators-decided",
        text=answer.reason,
        staff=answer.by,
        question=key,
        answer=answer.decision.name.lower().replace("_", "-"),
    )
    return policy.after_operators(decision, answer.decision is forms.Exempt.GO_ON), (answer.by,)


def refuse(ticket: int, decision: policy.Refuse) -> str:
    """Tell the customer, once, and solve the ticket."""
    zendesk.note(ticket, "data_export/note-refused", reason=decision.reason.value, why=decision.why)
    if decision.reason is policy.RefusalReason.SELF_SERVE:
        zendesk.solve(ticket)
    else:
        wording = policy.wording(decision.message)
        zendesk.reply(ticket, f"data_export/{decision.message}", status="solved", **wording)
    return f"{Ending.REFUSED}: {decision.reason}"


def tell(request: Request) -> tuple[Person, ...]:
    """Let those know who have to; those who get a copy of what the customer reads."""
    telling = policy.who_is_told(request.team)
    told = accounts.role(telling.role, telling.staff_id)
    if telling.staff_id is None and request.team.tier is not policy.Tier.SCALED:
        zendesk.note(request.ticket, "data_export/note-stand-in", team=request.team.id, role=telling.role)
    zendesk.follow(request.ticket, told.people)
    if telling.slack:
        for person in told.people:
            people.tell_in_slack(person, "data_export/told-csm", **request.about, tier=request.team.tier.value)
    return told.people if telling.email_cc else ()


# -- 2. The reason


def ask_reason(request: Request, copies: tuple[Person, ...]) -> bool:
    """Ask the customer what the export is for; False when no reply came."""
    ticket = request.ticket
    within = WorkingDays(NUMBERS.reason_wait_working_days, office)
    until = within.after(clock.now())
    asked = zendesk.reply(ticket, "data_export/ask-reason", status="pending", copy_to=copies, until=until)
    remind = [WorkingDays(day, office) for day in NUMBERS.reason_reminder_working_days]
    reply = await_reply(ticket, "reason", asked, within, remind, "reason-reminder", until=until)
    if reply is None:
        return False
    zendesk.note(ticket, "data_export/note-reason-recorded", comment=str(reply.comment))
    return True


# -- 3. Approval


def ask_approval(request: Request) -> str | None:
    """Ask those who must agree; None when they do or nobody must, else how the case ended."""
    rule = policy.needs_approval(request.team)
    if rule is None:
        return None
    ticket, team = request.ticket, request.team
    asked, manager = accounts.role(rule.role, rule.staff_id), accounts.role(rule.escalate_to, rule.staff_id)
    while True:
        opened = clock.now()
        within = WorkingDays(rule.final_working_days, office)
        escalated = WorkingDays(rule.escalation_working_days, office)
        described = request.about | {
            "until": within.after(opened),
            "tier": team.tier.value,
            "candidates": team.candidates,
        }
        sizes = {"projects": team.projects, "sequences": team.sequences}
        approval = wait_for(
            forms.Approval,
            key="approval",
            question=messages.render("data_export/question-approval", **described, **sizes).body,
            who=asked,
            within=within,
            announce=ask_to_agree(request, asked, described),
            remind=[
                (
                    WorkingDays(rule.reminder_working_days, office),
                    in_slack("data_export/approval-reminder", request.about | {"until": escalated.after(opened)}),
                )
            ],
            escalate=[(escalated, manager)],
            listens=f"zendesk:ticket:{ticket}",
            look=lambda since: zendesk.commands(ticket, since),
            look_every=look_every,
            verified=rule.verified_identity,
            not_by=request.decided_by if rule.four_eyes else (),
            refused=lambda heard, no: zendesk.note(
                ticket, "data_export/note-answer-refused", **zendesk.command_of(heard), sentence=no.sentence
            ),
            settled=lambda given, told: show_outcome(
                ticket, "approval", told, given, forms.PAST[given.verdict] if given else ""
            ),
        )
        if approval is not None:
            break
        overdue = ask_operators(forms.Overdue, ticket, "approval-overdue", within, team=team.id, asked=opened)
        if overdue is None or overdue.decision is forms.Patience.END:
            zendesk.reply(ticket, "data_export/denied", status="solved")
            return f"{Ending.DENIED}: nobody answered"
    signed: dict[str, Any] = {"staff": approval.by, "role": rule.role, "channel": approval.channel}
    if approval.verdict is forms.Verdict.APPROVE:
        zendesk.note(ticket, "data_export/note-approval", **signed)
        return None
    if approval.reason is not None:
        zendesk.note_words(ticket, "data_export/note-denied", text=approval.reason, **signed)
    zendesk.reply(ticket, "data_export/denied", status="solved")
    return f"{Ending.DENIED}: {approval.by}"


# -- 4. and 5. Engineering makes it, and it is checked


def ask_engineering(request: Request, prefix: str) -> str:
    """Give engineering the task, and link it on the ticket; the task's gid."""
    due = due_day()
    task = asana.open_task(f"Data export for ticket {request.ticket}")
    asana.describe(
        task,
        "data_export/engineering-task",
        due,
        **request.about,
        case=prefix.split("/")[1][:8],
        entities=sorted(policy.allowed_entities(request.ask)),
        bucket=drop.bucket(),
        prefix=prefix,
    )
    asana.listen()
    page = asana.task_page(task)
    zendesk.note(request.ticket, "data_export/note-engineering-task", task_link=page, due=due)
    return task


def await_deliverable(request: Request, prefix: str, task: str) -> drop.Accepted | None:
    """Wait for the deliverable and check it, again and again until it is right; None when the case is to end."""
    ticket, team = request.ticket, request.team
    page = asana.task_page(task)
    lead = accounts.role(NUMBERS.roles.engineering_lead)
    entities = tuple(sorted(policy.allowed_entities(request.ask)))
    while True:
        due = due_day()
        page_of = {"ticket": str(ticket), "ticket_link": zendesk.link_to(ticket)}
        late: dict[str, Any] = {"due": due, "task_link": page} | page_of
        done = wait_for(
            forms.Done,
            key="deliverable",
            question=f"Engineering makes the export: [task]({page}). It is answered by completing the task.",
            who=Role(name="engineering", people=(asana.ASANA,)),
            within=WorkingDays(NUMBERS.engineering_final_working_days, office),
            remind=[
                (WorkingDays(NUMBERS.engineering_reminder_working_days, office), on_the_task(task, prefix, due)),
                (WorkingDays(NUMBERS.engineering_escalation_working_days, office), to_the_lead(lead, late)),
            ],
            listens=f"asana:task:{task}",
            look=lambda _: asana.completed(task),
            look_every=look_every,
        )
        if done is None:
            within = WorkingDays(NUMBERS.engineering_final_working_days, office)
            overdue = ask_operators(forms.Overdue, ticket, "engineering-overdue", within, task_link=page, due=due)
            if overdue is None or overdue.decision is forms.Patience.END:
                return None
            continue
        checked = drop.check(prefix, team.id, entities, NUMBERS.deliverable)
        if isinstance(checked, drop.Accepted):
            counts = drop.counts(checked)
            zendesk.note(ticket, "data_export/note-deliverable-checked", **counts)
            return checked
        problems = drop.told(checked)
        if checked.wrong_team:
            within = WorkingDays(NUMBERS.operators_decision_working_days, office)
            about: dict[str, Any] = {"team": team.id, "prefix": prefix, "problems": problems}
            remedy = ask_operators(forms.Deliverable, ticket, "wrong-team", within, **about)
            drop.clear(prefix)
            if remedy is None or remedy.decision is forms.Remedy.END:
                return None
        zendesk.note(ticket, "data_export/note-deliverable-rejected", problems=problems, task_link=page)
        asana.comment(task, "data_export/deliverable-rejected", problems=problems, prefix=prefix, due=due_day())
        asana.reopen(task)


def on_the_task(task: str, prefix: str, due: date) -> Act:
    """A reminder on engineering's task."""
    return lambda _: asana.comment(task, "data_export/engineering-reminder", due=due, prefix=prefix)


def to_the_lead(lead: Role, late: Mapping[str, Any]) -> Act:
    """A message to the engineering lead."""
    return lambda _: [people.tell_in_slack(one, "data_export/engineering-escalation", **late) for one in lead.people]


# -- 6. to 9. Sealed, downloaded once (flows.handing_over), destroyed, certified


def finish(
    request: Request, prefix: str, task: str, ending: Ending, by_hand: handover.HandDestruction | None = None
) -> str:
    """Destroy the export everywhere, look, certify; then tell everybody and close."""
    certify(request.ticket, prefix, ending, by_hand)
    asana.complete(task)
    zendesk.reply(request.ticket, last_word("data_export", ending, by_hand), status="solved")
    return ending


# -- How people are asked


def await_reply(
    ticket: int, key: str, told: int, within: Delay, remind: Sequence[Delay], reminder: str, **values: Any
) -> forms.Reply | None:
    """Wait for the customer to reply to our comment `told`."""
    customer = zendesk.requester(ticket)
    return wait_for(
        forms.Reply,
        key=key,
        question="The customer was asked on the ticket and answers there.",
        who=Role(name="customer", people=(customer,)),
        within=within,
        remind=[
            (delay, lambda _: zendesk.reply(ticket, f"data_export/{reminder}", status="pending", **values))
            for delay in remind
        ],
        listens=f"zendesk:ticket:{ticket}",
        look=lambda _: zendesk.replies(ticket, told),
        look_every=look_every,
    )


def ask_to_agree(request: Request, asked: Role, described: Mapping[str, Any]) -> Act:
    """In Slack and by mail; who is asked because nobody answered learns who was asked first."""
    answers = (("decide:verdict=approve", "Approve"), ("ask:verdict=deny", "Deny…"))
    later = request.about | {"role": asked.name, "until": described["until"]}

    def ask(invitation: Invitation) -> None:
        if invitation.person in asked.people:
            in_slack("data_export/approval-request-slack", described, answers)(invitation)
        else:
            in_slack("data_export/approval-escalated", later, answers)(invitation)
        people.ask_by_mail(invitation, "data_export/approval-request-email", **described)

    return ask


def today() -> date:
    """The office's date."""
    return clock.local_date(clock.now(), office)


def due_day() -> date:
    """By when engineering is asked to be done."""
    due = WorkingDays(NUMBERS.engineering_due_working_days, office).after(clock.now())
    return clock.local_date(due, office)


def known(facts: Facts) -> Team:
    """The team of a verified request."""
    if facts.team is None:
        raise ValueError("the policy let a request pass that has no team")
    return facts.team
