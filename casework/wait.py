"""`wait_for` puts a question to people and waits, without holding a process, until it is settled.

The question is written into the case file before anybody hears of it. Every leg that comes back to an open
question looks whether it was answered (in the engine's form, in the system it listens to), sends what is due
(reminders, escalations), and suspends again. Being resumed proves nothing: the body goes on only when the file
holds a decision or a passed deadline.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel, Field, create_model
from sqlalchemy import Connection, bindparam, insert, select, update

from casework import body as leg
from casework import clock
from casework.answer import Form, Offer, Refusal, Refused, answer, invite, pass_deadline
from casework.authority import stand_ins
from casework.case import Entry, Kind
from casework.clock import Delay, Until
from casework.confidential import ConfidentialText
from casework.engine import Pause
from casework.people import ANY, Identity, Invitation, Person, Quorum, Role
from casework.schedule import Due, Moment, moments
from casework.schema import waits
from casework.systems.errors import SystemFault

__all__ = ["Act", "Form", "Heard", "Wait", "ask", "wait_for"]

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=5)
"""When to look again past the due time, while the system cannot be looked at."""

FORMS_LOOKED_AT = 3
"""Of how many pauses the forms are read: the last one, and those whose leg was killed before it could."""

# Asked by every leg that comes back to its question; to put a statement together costs as much as to run it.
_SAME = (waits.c.case_id == bindparam("this_case"), waits.c.wait == bindparam("this_wait"))
_WAIT = select(waits).where(*_SAME)
_CHANGE = update(waits).where(*_SAME)

F = TypeVar("F", bound=Form)
Act = Callable[[Invitation], object]
"""What is done for one person who is asked: the step that tells or reminds them."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer found by looking into a system: who gave it, the message it stands in, and when (UTC), if known."""

    identity: Identity
    values: Mapping[str, Any]
    reference: str
    at: datetime | None = None


@dataclass(frozen=True)
class Wait:
    """How a question is asked; see `wait_for` for the meaning of each part."""

    form: type[Form]
    question: str
    who: Role
    within: Delay
    announce: Act | None = None
    remind: Sequence[tuple[Delay, Act]] = ()
    escalate: Sequence[tuple[Delay, Role]] = ()
    marks: Sequence[tuple[datetime, str]] = ()
    listens: str | None = None
    look: Callable[[datetime], Iterable[Heard]] | None = None
    look_every: Delay | None = None
    verified: bool = True
    not_by: Sequence[str] = ()
    quorum: Quorum = ANY
    default: Form | None = None
    refused: Callable[[Heard, Refused], object] | None = None
    settled: Callable[[Form | None, Sequence[object]], object] | None = None


def wait_for(
    form: type[F],
    *,
    key: str,
    question: str,
    who: Role,
    within: Delay,
    announce: Act | None = None,
    remind: Sequence[tuple[Delay, Act]] = (),
    escalate: Sequence[tuple[Delay, Role]] = (),
    marks: Sequence[tuple[datetime, str]] = (),
    listens: str | None = None,
    look: Callable[[datetime], Iterable[Heard]] | None = None,
    look_every: Delay | None = None,
    verified: bool = True,
    not_by: Sequence[str] = (),
    quorum: Quorum = ANY,
    default: F | None = None,
    refused: Callable[[Heard, Refused], object] | None = None,
    settled: Callable[[F | None, Sequence[object]], object] | None = None,
) -> F | None:
    """Ask people, and wait for the answer or the deadline.

    Args:
        form: what can be answered.
        key: the question's name in the case file; asked again, it gets the next attempt number.
        question: Markdown shown where people answer; ids only, no personal data.
        who: the role and the people who may answer.
        within: until when; afterwards the answer is None.
        announce: the step that tells one person, called once for each person asked.
        remind: after each delay, the step that reminds one person; late ones are sent as one.
        escalate: after each delay, who may answer as well; they are announced to in the same way.
        marks: from when on (UTC, in order) the inbox shows which words beside the question; no personal data.
        listens: the thing (`zendesk:ticket:4711`) whose hooks are a reason to look.
        look: reads from a system the answers given since a moment (UTC); must not change anything.
        look_every: how often to look when no hook says so.
        verified: whether the person must have proved who they are.
        not_by: ids of people who may not answer, because they took part before (four eyes).
        quorum: how many different people must agree, and what a no does.
        default: the answer that holds when the deadline passes; otherwise that is None.
        refused: the step that tells somebody, where they answered in the system looked at, why it does not count.
        settled: the step that shows the outcome where the question was announced: it gets the answer (None: the
            deadline passed) and what `announce` and `remind` gave for each person.

    Returns:
        The filled form, with `by`, or None when the deadline passed first.
    """
    body = leg.current()
    wait = Wait(
        form,
        question,
        who,
        within,
        announce,
        remind,
        escalate,
        marks,
        listens,
        look,
        look_every,
        verified,
        tuple(not_by),
        quorum,
        default,
        refused,
        cast("Callable[[Form | None, Sequence[object]], object] | None", settled),
    )
    return cast("F | None", ask(body, body.take(key), wait))


def ask(body: leg.Body, name: str, wait: Wait) -> Form | None:
    """Bring the question called `name` (key and attempt) forward by what this leg can do.

    Raises:
        Waiting: it is still open.
    """
    if body.completed(name) is None:
        _open(body, name, wait)
        row = _row(body, name)
        people = _tell(body, name, wait, row)
        looked = _listen(body, name, wait, row)
        body.refresh()
        if body.completed(name) is None:
            _remind(body, name, wait, row, people)
            if looked and row.due_at <= clock.present():
                with body.runtime.files.writing() as connection:
                    pass_deadline(connection, body.case_id, name, clock.present())
            body.refresh()
    done = body.completed(name)
    if done is None:
        raise leg.Waiting(_pause(body, name, wait, row))
    given = _given(wait, done)
    if wait.settled is not None:
        with body.scope(f"{name}>settled"):
            wait.settled(given, _announced(body, name))
    return given


def _given(wait: Wait, done: Entry) -> Form | None:
    if done.kind is not Kind.DEADLINE_PASSED:
        return wait.form.model_validate(done.payload["values"]).answered(done.actor, done.payload["channel"], done.at)
    return wait.default.model_copy().answered("deadline", "clock", done.at) if wait.default is not None else None


def _announced(body: leg.Body, name: str) -> list[object]:
    """What announcing and reminding gave: where the messages stand, for instance."""
    told = tuple(f"{name}>{way}" for way in ("tell:", "reminder-"))
    return [e.payload["result"] for e in body.entries if e.kind is Kind.STEP_DONE and e.key.startswith(told)]


def _open(body: leg.Body, name: str, wait: Wait) -> None:
    """Ask, unless the file has the question."""
    if any(e.kind is Kind.QUESTION_ASKED and e.key == name for e in body.entries):
        return
    at = clock.present()
    ladder = moments(at, wait.within, [delay for delay, _ in wait.remind], [delay for delay, _ in wait.escalate])
    due = ladder[-1].at
    roles = [role.name for _, role in wait.escalate]
    payload = {
        "role": wait.who.name,
        "who": [person.id for person in wait.who.people],
        "due": due.isoformat(),
        "reminders": [one.at.isoformat() for one in ladder if one.what is Due.REMINDER],
        "escalations": {roles[one.number - 1]: one.at.isoformat() for one in ladder if one.what is Due.ESCALATION},
        "verified": wait.verified,
        "not_by": list(wait.not_by),
        "form": wait.form.form_name(),
    }
    if any(words for _, words in wait.marks):
        payload["marks"] = [[clock.instant(since).isoformat(), words] for since, words in wait.marks]
    # How many must agree is settled now: whoever an escalation adds may agree as well, and need not.
    try:
        needs = wait.quorum.of(sum(person.id not in wait.not_by for person in wait.who.people))
    except ValueError as error:
        raise leg.Halted(
            f"Case {body.case_id}: {name} cannot be asked: {error} Correct the policy or the roles, then retry."
        ) from None
    if wait.quorum != ANY:
        payload["needs"] = needs
    with body.runtime.files.writing() as connection:
        entry = body.append(Kind.QUESTION_ASKED, name, payload, connection=connection)
        connection.execute(
            insert(waits).values(
                case_id=body.case_id,
                wait=name,
                state="open",
                form=wait.form.form_name(),
                role=wait.who.name,
                who=[person.model_dump(mode="json") for person in wait.who.people],
                not_by=list(wait.not_by),
                quorum=Quorum(needs=needs, veto=wait.quorum.veto).model_dump(mode="json"),
                verified=wait.verified,
                question=wait.question,
                listens=wait.listens,
                looks=wait.look is not None,
                asked_at=entry.at,
                due_at=due,
                next_at=due,
                pause_keys=[],
            )
        )


def _ladder(wait: Wait, row: Any) -> list[Moment]:
    """What comes due before the deadline, which people may have moved since the question was asked."""
    until = Until(row.due_at)
    return list(
        moments(row.asked_at, until, [delay for delay, _ in wait.remind], [delay for delay, _ in wait.escalate])
    )


def _tell(body: leg.Body, name: str, wait: Wait, row: Any) -> list[Person]:
    """Announce to everybody who is asked by now, and to who stands in for them; those people."""
    now = clock.present()
    for one in _ladder(wait, row):
        role = wait.escalate[one.number - 1][1] if one.what is Due.ESCALATION else None
        if role is not None and (one.at <= now or _recorded(body, Kind.ESCALATED, f"{name}>{role.name}")):
            _escalate(body, name, role)
            row = _row(body, name)
    asked = [Person.model_validate(person) for person in row.who]

    def invited(connection: Connection) -> tuple[list[Person], list[Invitation]]:
        standing_in = stand_ins(connection, now)
        people = list({person.id: person for one in asked for person in (one, *standing_in.get(one.id, ()))}.values())
        return people, invite(connection, body.case_id, name, people)

    # A leg that this one has overtaken may be inviting the same people.
    people, invitations = body.runtime.files.contested(invited)
    if wait.announce is not None:
        for invitation in invitations:
            with body.scope(f"{name}>tell:{invitation.person.id}"):
                wait.announce(invitation)
    return people


def _escalate(body: leg.Body, name: str, role: Role) -> None:
    key = f"{name}>{role.name}"
    if _recorded(body, Kind.ESCALATED, key):
        return
    with body.runtime.files.writing() as connection:
        who = connection.execute(_WAIT, _this(body, name)).one().who
        added = [person.model_dump(mode="json") for person in role.people]
        widened = who + [person for person in added if person not in who]
        connection.execute(_CHANGE, _this(body, name) | {"who": widened})
        to = {"role": role.name, "who": [person.id for person in role.people]}
        body.append(Kind.ESCALATED, key, to, actor="clock", connection=connection)


def _listen(body: leg.Body, name: str, wait: Wait, row: Any) -> bool:
    """Offer what was typed into the engine's forms and what the system says to the function that decides.

    False when the system could not be looked at: an answer given in time may stand there.
    """
    engine = body.runtime.engine
    for typed in engine.typed(body.case_id, row.pause_keys):
        code = typed.values.get("your_code")
        values = {field: value for field, value in typed.values.items() if value != "" and field != "your_code"}
        said, plain = values.pop("wait", name), values.pop("your_id", None)
        identity = Identity(kind="person", value=plain, verified=False) if plain else None
        if not _offered(body, said, typed.pause_key):
            answer(Offer(body.case_id, said, values, "prefect", identity, code, typed.pause_key))
        engine.forget(body.case_id, typed.pause_key)
    found = _heard(body, wait, row.asked_at)
    for heard in {heard.reference: heard for heard in found or ()}.values():
        said_no = _refused_before(body, name, heard.reference)
        if not _offered(body, name, heard.reference):
            channel = heard.reference.split(":", 1)[0]
            offer = Offer(
                body.case_id, name, heard.values, channel, heard.identity, reference=heard.reference, at=heard.at
            )
            outcome = answer(offer)
            said_no = outcome if isinstance(outcome, Refused) else None
        if said_no is not None and wait.refused is not None:
            with body.scope(f"{name}>refused:{heard.reference}"):
                wait.refused(heard, said_no)
    return found is not None


def _refused_before(body: leg.Body, name: str, reference: str) -> Refused | None:
    """The refusal that the file has of this answer: who gave it may not have been told yet."""
    offers = {e.seq for e in body.entries if e.kind is Kind.ANSWER_OFFERED and e.payload["reference"] == reference}
    for entry in body.entries:
        if entry.kind is Kind.ANSWER_REFUSED and entry.key == name and entry.seq - 1 in offers:
            return Refused.because(Refusal[entry.payload["why"].upper()])
    return None


def _heard(body: leg.Body, wait: Wait, asked_at: datetime) -> list[Heard] | None:
    if wait.look is None:
        return []
    try:
        with clock.reading(None):
            return list(wait.look(asked_at))
    except SystemFault as fault:
        logger.warning("Case %s could not look for an answer and will look again: %s", body.case_id, fault)
        return None


def _offered(body: leg.Body, name: str, reference: str) -> bool:
    return any(
        e.kind is Kind.ANSWER_OFFERED and e.key == name and e.payload["reference"] == reference for e in body.entries
    )


def _remind(body: leg.Body, name: str, wait: Wait, row: Any, people: Sequence[Person]) -> None:
    now = clock.present()
    due = [one for one in _ladder(wait, row) if one.what is Due.REMINDER and one.at <= now < row.due_at]
    unsent = [one for one in due if not _recorded(body, Kind.REMINDER_SENT, f"{name}>reminder-{one.number}")]
    for one in unsent:
        key = f"{name}>reminder-{one.number}"
        sent = one is unsent[-1]
        if sent:
            for person in people:
                with body.scope(f"{key}:{person.id}"):
                    wait.remind[one.number - 1][1](Invitation(case_id=body.case_id, wait=name, person=person))
        body.append(Kind.REMINDER_SENT, key, {"sent": sent}, actor="clock")


def _recorded(body: leg.Body, kind: Kind, key: str) -> bool:
    return any(entry.kind is kind and entry.key == key for entry in body.entries)


def _row(body: leg.Body, name: str) -> Any:
    with body.runtime.files.reading() as connection:
        return connection.execute(_WAIT, _this(body, name)).one()


def _this(body: leg.Body, name: str) -> dict[str, Any]:
    return {"this_case": body.case_id, "this_wait": name}


def _pause(body: leg.Body, name: str, wait: Wait, row: Any) -> Pause:
    """Note when to look again, and the form under which the engine shows the question."""
    now = clock.present()
    due = [one.at for one in _ladder(wait, row)]
    if wait.look_every is not None:
        due.append(wait.look_every.after(now))
    pause_key = re.sub("[^a-z0-9]+", "-", f"{name}-{body.case.epoch}".lower())
    next_at = min((moment for moment in due if moment > now), default=now + LOOK_AGAIN)
    pause_keys = [*row.pause_keys, pause_key][-FORMS_LOOKED_AT:]
    with body.runtime.files.writing() as connection:
        connection.execute(_CHANGE, _this(body, name) | {"next_at": next_at, "pause_keys": pause_keys})
    return Pause(body.case_id, pause_key, wait.question + _last_refusal(body, name), _typed_form(name, wait))


def _last_refusal(body: leg.Body, name: str) -> str:
    """Why the last answer that was typed here did not count, for whoever opens the form again."""
    typed = {e.seq for e in body.entries if e.kind is Kind.ANSWER_OFFERED and e.payload["channel"] == "prefect"}
    refused = [e for e in body.entries if e.kind is Kind.ANSWER_REFUSED and e.key == name and e.seq - 1 in typed]
    if not refused:
        return ""
    why = Refusal[refused[-1].payload["why"].upper()].value
    return f"\n\n> The last answer typed here did not count: {why}."


def _typed_form(name: str, wait: Wait) -> type[BaseModel]:
    """The form as an engine without users shows it: it says which wait it is for and who answers."""
    proof = (
        ("your_code", "Your personal code, from the message that asked you")
        if wait.verified
        else ("your_id", "Your staff id; it is recorded as not verified")
    )
    fields: dict[str, Any] = {
        field_name: (str, Field("", description=info.description))
        if info.annotation == (ConfidentialText | None)
        else (info.annotation, info)
        for field_name, info in wait.form.model_fields.items()
    }
    fields[proof[0]] = (str, Field(description=proof[1]))
    fields["wait"] = (
        Literal[name],
        Field(default=name, description="Which question this answers; leave as it is"),
    )
    return create_model(wait.form.__name__, **fields)
