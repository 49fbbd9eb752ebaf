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
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel, Field, create_model
from sqlalchemy import insert, select, update

from casework import body as leg
from casework import clock
from casework.answer import Form, Offer, answer, invite, pass_deadline
from casework.case import Kind
from casework.clock import Delay
from casework.confidential import ConfidentialText
from casework.engine import Pause
from casework.people import Identity, Invitation, Person, Role
from casework.schema import waits
from casework.systems.errors import SystemFault

__all__ = ["Act", "Form", "Heard", "Wait", "ask", "wait_for"]

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=5)
"""When to look again past the due time, while the system cannot be looked at."""

FORMS_LOOKED_AT = 3
"""Of how many pauses the forms are read: the last one, and those whose leg was killed before it could."""

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
    listens: str | None = None
    look: Callable[[datetime], Iterable[Heard]] | None = None
    look_every: Delay | None = None
    verified: bool = True
    not_by: Sequence[str] = field(default=())


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
    listens: str | None = None,
    look: Callable[[datetime], Iterable[Heard]] | None = None,
    look_every: Delay | None = None,
    verified: bool = True,
    not_by: Sequence[str] = (),
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
        listens: the thing (`zendesk:ticket:4711`) whose hooks are a reason to look.
        look: reads from a system the answers given since a moment (UTC); must not change anything.
        look_every: how often to look when no hook says so.
        verified: whether the person must have proved who they are.
        not_by: ids of people who may not answer, because they took part before (four eyes).

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
        listens,
        look,
        look_every,
        verified,
        tuple(not_by),
    )
    return cast("F | None", ask(body, body.take(key), wait))


def ask(body: leg.Body, name: str, wait: Wait) -> Form | None:
    """Bring the question called `name` (key and attempt) forward by what this leg can do.

    Raises:
        Waiting: it is still open.
    """
    if body.completed(name) is None:
        asked_at, due_at = _open(body, name, wait)
        people = _tell(body, name, wait, asked_at)
        looked = _listen(body, name, wait, asked_at)
        body.refresh()
        if body.completed(name) is None:
            _remind(body, name, wait, asked_at, due_at, people)
            if looked:
                with body.runtime.files.writing() as connection:
                    pass_deadline(connection, body.case_id, name, clock.present())
            body.refresh()
    settled = body.completed(name)
    if settled is None:
        raise leg.Waiting(_pause(body, name, wait, asked_at, due_at))
    if settled.kind is Kind.DEADLINE_PASSED:
        return None
    return wait.form.model_validate(settled.payload["values"]).answered(settled.actor, settled.payload["channel"])


def _open(body: leg.Body, name: str, wait: Wait) -> tuple[datetime, datetime]:
    """Ask, unless the file has the question; when it was asked and when it is due, which stays as it was then."""
    asked = next((e for e in body.entries if e.kind is Kind.QUESTION_ASKED and e.key == name), None)
    if asked is not None:
        return asked.at, datetime.fromisoformat(asked.payload["due"])
    at = clock.present()
    due = wait.within.after(at)
    payload = {
        "role": wait.who.name,
        "who": [person.id for person in wait.who.people],
        "due": due.isoformat(),
        "reminders": [delay.after(at).isoformat() for delay, _ in wait.remind],
        "escalations": {role.name: delay.after(at).isoformat() for delay, role in wait.escalate},
        "verified": wait.verified,
        "not_by": list(wait.not_by),
        "form": wait.form.form_name(),
    }
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
    return entry.at, due


def _tell(body: leg.Body, name: str, wait: Wait, asked_at: datetime) -> list[Person]:
    """Announce to everybody who is asked by now; those people."""
    people = list(wait.who.people)
    for delay, role in wait.escalate:
        if delay.after(asked_at) <= clock.present() or _recorded(body, Kind.ESCALATED, f"{name}>{role.name}"):
            _escalate(body, name, role)
            people += [person for person in role.people if person not in people]
    with body.runtime.files.writing() as connection:
        invitations = invite(connection, body.case_id, name, people)
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
        who = connection.execute(
            select(waits.c.who).where(waits.c.case_id == body.case_id, waits.c.wait == name)
        ).scalar_one()
        added = [person.model_dump(mode="json") for person in role.people]
        connection.execute(
            update(waits)
            .where(waits.c.case_id == body.case_id, waits.c.wait == name)
            .values(who=who + [person for person in added if person not in who])
        )
        to = {"role": role.name, "who": [person.id for person in role.people]}
        body.append(Kind.ESCALATED, key, to, actor="clock", connection=connection)


def _listen(body: leg.Body, name: str, wait: Wait, asked_at: datetime) -> bool:
    """Offer what was typed into the engine's forms and what the system says to the function that decides.

    False when the system could not be looked at: an answer given in time may stand there.
    """
    engine = body.runtime.engine
    for typed in engine.typed(body.case_id, _row(body, name).pause_keys):
        values = {name: value for name, value in typed.values.items() if value != ""}
        said, code, plain = (
            values.pop("wait", name),
            values.pop("your_code", None),
            values.pop("your_id", None),
        )
        identity = Identity(kind="person", value=plain, verified=False) if plain else None
        if not _offered(body, said, typed.pause_key):
            answer(Offer(body.case_id, said, values, "prefect", identity, code, typed.pause_key))
        engine.forget(body.case_id, typed.pause_key)
    found = _heard(body, wait, asked_at)
    for heard in {heard.reference: heard for heard in found or ()}.values():
        if not _offered(body, name, heard.reference):
            channel = heard.reference.split(":", 1)[0]
            offer = Offer(
                body.case_id, name, heard.values, channel, heard.identity, reference=heard.reference, at=heard.at
            )
            answer(offer)
    return found is not None


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


def _remind(
    body: leg.Body,
    name: str,
    wait: Wait,
    asked_at: datetime,
    due_at: datetime,
    people: Sequence[Person],
) -> None:
    due = [
        (f"{name}>reminder-{number}", act)
        for number, (delay, act) in enumerate(wait.remind, start=1)
        if asked_at < delay.after(asked_at) <= clock.present() < due_at
    ]
    unsent = [(key, act) for key, act in due if not _recorded(body, Kind.REMINDER_SENT, key)]
    for key, act in unsent:
        sent = key == unsent[-1][0]
        if sent:
            for person in people:
                with body.scope(f"{key}:{person.id}"):
                    act(Invitation(case_id=body.case_id, wait=name, person=person))
        body.append(Kind.REMINDER_SENT, key, {"sent": sent}, actor="clock")


def _recorded(body: leg.Body, kind: Kind, key: str) -> bool:
    return any(entry.kind is kind and entry.key == key for entry in body.entries)


def _row(body: leg.Body, name: str) -> Any:
    with body.runtime.files.reading() as connection:
        return connection.execute(select(waits).where(waits.c.case_id == body.case_id, waits.c.wait == name)).one()


def _pause(body: leg.Body, name: str, wait: Wait, asked_at: datetime, due_at: datetime) -> Pause:
    """Note when to look again, and the form under which the engine shows the question."""
    now = clock.present()
    moments = [due_at, *(delay.after(asked_at) for delay, _ in (*wait.remind, *wait.escalate))]
    if wait.look_every is not None:
        moments.append(wait.look_every.after(now))
    pause_key = re.sub("[^a-z0-9]+", "-", f"{name}-{body.case.epoch}".lower())
    with body.runtime.files.writing() as connection:
        connection.execute(
            update(waits)
            .where(waits.c.case_id == body.case_id, waits.c.wait == name)
            .values(
                next_at=min((moment for moment in moments if moment > now), default=now + LOOK_AGAIN),
                pause_keys=[*_row(body, name).pause_keys, pause_key][-FORMS_LOOKED_AT:],
            )
        )
    return Pause(body.case_id, pause_key, wait.question, _typed_form(name, wait))


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
