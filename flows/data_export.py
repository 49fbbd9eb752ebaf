"""The data export: a customer team asks for all its data, and gets it once, or learns why not.

Source: the organisation's policy page "Data exports". What is decided stands in `policies.data_export`, every
number in its TOML file, every text in its messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import count, takewhile
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from casework import clock
from casework.calendar import BusinessCalendar
from casework.clock import Days, Delay, Minutes, Until, WorkingDays
from casework.people import Invitation, Person, Role
from casework.process import process, standing
from casework.wait import Act, Form, Heard, wait_for
from flows import data_export_forms as forms
from policies import data_export as policy
from policies import messages
from policies.data_export import NUMBERS, Ask, Ending, Facts, Missing, NamedBy, Team
from tasks import accounts, asana, delivery, drop, people, zendesk

F = TypeVar("F", bound=Form)

hours = NUMBERS.business
office = BusinessCalendar(
    ZoneInfo(hours.zone),
    hours.country,
    hours.subdivision,
    hours.opens,
    hours.closes,
    frozenset(hours.own_days_off),
)
look_every = Minutes(NUMBERS.look_every_minutes)


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
    expires = Days(NUMBERS.link_valid_days, office).after(clock.now())
    sealed = delivery.seal(prefix, checked, ticket, choose_vault(request))
    link = delivery.open_link(sealed, expires)
    zendesk.note(ticket, "data_export/note-ready", vault=sealed.vault, digest=sealed.sealed_sha256, until=expires)
    told = delivery.send_link(ticket, link, "data_export/ready", expires)
    return finish(request, prefix, task, await_download(request, link, told, expires))


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
                    in_slack("approval-reminder", request.about | {"until": escalated.after(opened)}),
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


# -- 6. to 9. Sealed, downloaded once, destroyed, certified


def choose_vault(request: Request) -> str:
    """The vault that takes the export: Dropbox, or what operators choose while it cannot be reached."""
    vault = forms.Vault.DROPBOX
    while not delivery.vault_answers(vault.value):
        within = WorkingDays(NUMBERS.operators_decision_working_days, office)
        about: dict[str, Any] = {"vault": vault.value, "error": "it cannot be reached"}
        chosen = ask_operators(forms.OtherVault, request.ticket, "vault-down", within, **about)
        vault = chosen.vault if chosen else vault
    return vault.value


def await_download(request: Request, link: str, told: int, expires: datetime) -> Ending:
    """Wait for the one download, and say how it ended. A download that runs may end after the link's expiry.

    Operators can only say that the customer cannot reach the link, after our comment `told`; how it ended is for
    the gateway to say.
    """
    ticket, second_host = request.ticket, False
    reminder = Until(Days(NUMBERS.ready_reminder_day, office).after(clock.now()))
    operators = accounts.role(NUMBERS.roles.operators)
    while True:
        receipt = wait_for(
            forms.Receipt,
            key="download",
            question=f"The customer has a link for one download, until {expires:%d %B %Y, %H:%M} UTC. If the customer "
            "cannot reach it, an operator writes `#unreachable` as an internal note on the ticket.",
            who=Role(name="customer", people=(delivery.GATEWAY, *operators.people)),
            within=Until(delivery.last_moment(expires)),
            remind=[(reminder, of_the_link(ticket, link, expires, second_host))],
            listens=f"link:{link}",
            look=ended_or_unreachable(ticket, link, told),
            look_every=look_every,
        )
        if receipt is None or receipt.by == delivery.GATEWAY.id:
            ended = {forms.Outcome.RECEIVED: Ending.DELIVERED, forms.Outcome.REVOKED: Ending.CANCELLED}
            return ended.get(receipt.outcome, Ending.EXPIRED) if receipt else Ending.EXPIRED
        answer = ask_unreachable(ticket, link, expires)
        if answer is None or answer.by == delivery.GATEWAY.id:
            continue
        way = answer.decision.name.lower().replace("_", "-")
        told = zendesk.note(ticket, "data_export/note-link-unreachable", staff=answer.by, answer=way)
        if answer.decision is forms.Way.END:
            delivery.revoke(link)
        elif answer.decision is forms.Way.SECOND_HOST:
            second_host = True
            delivery.send_link(ticket, link, "data_export/ready-second-host", expires, second_host)


def ended_or_unreachable(ticket: int, link: str, told: int) -> Callable[[datetime], Iterable[Heard]]:
    """What is looked at: the link itself, and only while it is open the ticket, which may be out of reach."""
    return lambda _: delivery.outcome(link) or zendesk.unreachable(ticket, told)


def ask_unreachable(ticket: int, link: str, expires: datetime) -> forms.Unreachable | None:
    """What operators do for a customer who cannot reach the link; should it end meanwhile, there is nothing to do."""
    second_host = delivery.has_second_host()
    form: type[forms.Unreachable] = forms.Unreachable if second_host else forms.UnreachableOneHost
    wait_on = {"decision": forms.Way.WAIT_ON.value}
    return ask_operators(
        form,
        ticket,
        "link-unreachable",
        Until(delivery.last_moment(expires)),
        settled_by=(delivery.GATEWAY, f"link:{link}"),
        look=lambda _: [replace(ended, values=wait_on) for ended in delivery.outcome(link)],
        ways=["second-host", "wait-on", "end"] if second_host else ["wait-on", "end"],
        until=expires,
    )


def of_the_link(ticket: int, link: str, expires: datetime, second_host: bool) -> Act:
    """A reminder to the customer, at the address that was sent last."""
    message = "data_export/ready-reminder"
    return only((delivery.GATEWAY,), lambda _: delivery.send_link(ticket, link, message, expires, second_host))


def finish(request: Request, prefix: str, task: str, ending: Ending) -> str:
    """Destroy the export everywhere, look, certify; then tell everybody and close."""
    told = {Ending.DELIVERED: "downloaded", Ending.EXPIRED: "expired", Ending.CANCELLED: "cancelled"}
    certificate = delivery.destroy(prefix, "received" if ending is Ending.DELIVERED else ending.value)
    zendesk.note(request.ticket, "data_export/note-certificate", **delivery.evidence(certificate))
    asana.complete(task)
    zendesk.reply(request.ticket, f"data_export/{told[ending]}", status="solved")
    return ending


# -- How people are asked


def ask_operators(
    form: type[F],
    ticket: int,
    key: str,
    within: Delay,
    *,
    settled_by: tuple[Person, str] | None = None,
    look: Callable[[datetime], Iterable[Heard]] | None = None,
    **about: Any,
) -> F | None:
    """Put a question to the operators: told in Slack, reminded every so often until it ends, verified.

    What happens elsewhere may settle it too: `settled_by` is the system that says so and the thing whose news are
    a reason to look, `look` how that is read.
    """
    page: dict[str, Any] = {"ticket": str(ticket), "ticket_link": zendesk.link_to(ticket)}
    named = page | {"question": key}
    wanted = messages.variables(f"data_export/question-{key}")
    shown = {name: value for name, value in (page | about).items() if name in wanted}
    operators = accounts.role(NUMBERS.roles.operators)
    system, listens = settled_by or (None, None)
    asked = operators.people
    return wait_for(
        form,
        key=key,
        question=messages.render(f"data_export/question-{key}", **shown).body,
        who=Role(name=operators.name, people=(*asked, system) if system else asked),
        within=within,
        announce=only(asked, in_slack("operators-asked", named)),
        remind=[(delay, only(asked, in_slack("operators-reminder", named))) for delay in every_so_often(within)],
        listens=listens,
        look=look,
        look_every=look_every if look else None,
        settled=lambda given, told: show_outcome(ticket, key, told, given, "answered"),
    )


def show_outcome(ticket: int, key: str, told: Sequence[object], given: Form | None, outcome: str) -> None:
    """Let the Slack messages that asked say who settled the question and when; their buttons go."""
    named: dict[str, Any] = {"ticket": str(ticket), "ticket_link": zendesk.link_to(ticket), "question": key}
    named["at"] = given.at if given is not None else clock.now()
    message = "data_export/outcome-unanswered"
    if given is not None:
        message = "data_export/outcome"
        named |= {"outcome": outcome, "staff": given.by}
    for shown in people.asked_in_slack(told):
        people.show_outcome(shown, message, **named)


def only(people: Sequence[Person], act: Act) -> Act:
    """The act for these people alone, where others may answer too."""
    return lambda invitation: act(invitation) if invitation.person in people else None


def every_so_often(within: Delay) -> list[Delay]:
    """When operators are reminded of a question that is open for so long."""
    start, step = clock.now(), NUMBERS.operators_reminder_working_days
    delays = (WorkingDays(days, office) for days in count(step, step))
    return list(takewhile(lambda delay: delay.after(start) < within.after(start), delays))


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


def in_slack(message: str, values: Mapping[str, Any], buttons: tuple[tuple[str, str], ...] = ()) -> Act:
    """A direct message with that person's own code and link."""
    return lambda invitation: people.ask_in_slack(invitation, f"data_export/{message}", buttons, **values)


def ask_to_agree(request: Request, asked: Role, described: Mapping[str, Any]) -> Act:
    """In Slack and by mail; who is asked because nobody answered learns who was asked first."""
    answers = (("decide:verdict=approve", "Approve"), ("ask:verdict=deny", "Deny…"))
    later = request.about | {"role": asked.name, "until": described["until"]}

    def ask(invitation: Invitation) -> None:
        if invitation.person in asked.people:
            in_slack("approval-request-slack", described, answers)(invitation)
        else:
            in_slack("approval-escalated", later, answers)(invitation)
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
