"""A privacy request at work, and the member of whom something is needed first: a password, or a word on what they want.

Nothing that the member writes is lost: whatever comes, an agent reads it before anything else is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from casework import clock
from casework.clock import Days
from casework.wait import Form
from flows import privacy_request_forms as forms
from flows.asking import office
from flows.privacy_request_forms import Asked, Patience
from flows.tier2 import Escalation, ask_role, await_member
from policies import privacy_request as policy
from policies.privacy_request import NUMBERS, Ending, RequestType
from tasks import privacy, salesforce
from tasks.privacy import Read

TEXTS = "privacy_request"
F = TypeVar("F", bound=Form)


@dataclass
class Request:
    """A privacy request at work.

    `read` is what agents have read, `reader` who did last; `since` has when the member was asked for what, `told` the
    requests of which Salesforce has told the member.
    """

    escalation: Escalation
    read: Read
    reader: str = ""
    since: dict[str, datetime] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    @property
    def case(self) -> str:
        return self.escalation.case

    def facts(self) -> policy.Facts:
        """All that decides, as it is now."""
        return privacy.facts(self.case, self.read)

    def note(self, **said: Any) -> None:
        """Keep what agents say."""
        self.read = self.read.model_copy(update=said)
        if "asked" in said:
            self.since.pop("type", None)

    def ask(self, form: type[F], key: str, **about: Any) -> F:
        """Ask the agents, until there is an answer."""
        remind, escalate = NUMBERS.agent_reminder_working_days, NUMBERS.agent_escalation_working_days
        return ask_role(form, self.escalation, key, texts=TEXTS, remind=remind, escalate=escalate, **about)


def set_password(request: Request, decision: policy.SetPassword, facts: policy.Facts) -> Ending | None:
    """Send the steps and wait until the account has a password."""
    days, reminders = NUMBERS.password_wait_days, NUMBERS.password_reminder_days
    return await_news(request, "password", decision, facts, days, reminders, logins=list(decision.logins))


def ask_type(request: Request, decision: policy.AskType, facts: policy.Facts) -> Ending | None:
    """Ask the member what they want and wait until they write."""
    return await_news(request, "type", decision, facts, NUMBERS.type_wait_days, NUMBERS.type_reminder_days)


def await_news(
    request: Request,
    key: str,
    decision: policy.SetPassword | policy.AskType,
    facts: policy.Facts,
    days: int,
    reminders: Sequence[int],
    **values: Any,
) -> Ending | None:
    """Write to the member, once, and wait until there is news; when none comes an agent says what happens."""
    case, start = request.case, request.since.get(key)
    there = [one.id for one in facts.found]
    if start is None:
        start = request.since[key] = clock.now()
        salesforce.reply(case, f"{TEXTS}/{decision.message}", **values, until=Days(days, office).after(start))
    until = Days(days, office).after(start)
    if clock.now() < until:
        news = await_member(
            forms.News,
            request.escalation,
            key,
            lambda: privacy.news(case, request.read.until, password=key == "password", besides=there),
            until=until,
            remind_at=[Days(day, office).after(start) for day in reminders],
            reminder=f"{TEXTS}/{decision.reminder}",
            **values,
        )
        if news is not None:
            return None
    if policy.decide(request.facts()) != decision:
        return None
    answer = request.ask(forms.Silence, "silence", missing=key, days=days)
    if answer.decision is Patience.BY_HAND:
        return by_hand(request, answer.by)
    if policy.decide(request.facts()) != decision:
        return None
    if answer.decision is Patience.WITHDRAWN:
        return withdraw(request, answer.by, "silence", facts)
    start = request.since[key] = clock.now()
    salesforce.reply(case, f"{TEXTS}/{decision.reminder}", **values, until=Days(days, office).after(start))
    return None


def ask_agent(request: Request, decision: policy.AskAgent, facts: policy.Facts) -> Ending | None:
    """Have an agent read all that the member wrote so far."""
    case, latest = request.case, salesforce.last_mail(request.case)
    sounds = privacy.sounds(case)
    answer = request.ask(
        forms.AskedFor,
        decision.question,
        sounds=sounds.value.replace("_", "-") if sounds else "none",
        verified="yes" if facts.member.verified else "no",
        found=list(privacy.numbers(case)) if facts.found else [],
    )
    request.reader = answer.by
    if answer.asked is Asked.BY_HAND:
        return by_hand(request, answer.by)
    if answer.asked is Asked.WITHDRAWN:
        if salesforce.last_mail(case) != latest:
            return None
        return withdraw(request, answer.by, "wish", facts)
    asked = RequestType.__members__.get(answer.asked.name)
    chosen = request.read.chosen if asked is request.read.asked else None
    request.note(until=latest, asked=asked, unclear=asked is None, agreed=False, chosen=chosen)
    return None


def withdraw(request: Request, staff: str, why: str, facts: policy.Facts) -> Ending:
    """Tell the member that nothing is done, and close the case; with a request that is there an agent sees to it."""
    if facts.found:
        return by_hand(request, staff)
    salesforce.reply(request.case, f"{TEXTS}/withdrawn", why=why)
    salesforce.close(request.case, f"{TEXTS}/comment-withdrawn", reason=NUMBERS.closing.reason, staff=staff)
    return Ending.WITHDRAWN


def by_hand(request: Request, staff: str) -> Ending:
    """Leave the case to an agent, with what it has."""
    found = list(privacy.numbers(request.case))
    salesforce.note(request.case, f"{TEXTS}/note-by-hand", staff=staff, found=found)
    return Ending.BY_HAND
