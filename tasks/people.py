"""Messages to colleagues: Slack and mail, each with that person's own code and link where there is a question."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from casework import clock
from casework.people import Invitation, Person
from casework.step import button_token, case_id, case_page, code_and_link, reference, step
from casework.systems import current
from casework.systems.errors import NotFound, SystemFault
from casework.systems.slack import MessageRef
from policies import messages

__all__ = [
    "CASEWORK",
    "ask_by_mail",
    "ask_in_slack",
    "asked_in_slack",
    "no_longer_needed",
    "show_outcome",
    "tell_in_slack",
    "tell_operators",
]

logger = logging.getLogger(__name__)

CASEWORK = Person(id="casework")
"""Who answers when something has happened that a waiting case looks for."""

LOOK_BACK = timedelta(days=90)
SECTION_CHARACTERS = 2900


def _find_told(person: Person, *_args: object, **_values: object) -> MessageRef | None:
    if person.slack is None:
        return None
    slack = current().slack
    return slack.find(slack.open_direct_message(person.slack), reference(), clock.present() - LOOK_BACK)


def _find_asked(invitation: Invitation, *_args: object, **_values: object) -> MessageRef | None:
    return _find_told(invitation.person)


def _post(person: Person, text: str, more: Sequence[Mapping[str, Any]] = ()) -> MessageRef | None:
    if person.slack is None:
        return None
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text[:SECTION_CHARACTERS]}}
    slack = current().slack
    return slack.post(slack.open_direct_message(person.slack), text.splitlines()[0], [section, *more], reference())


def tell_once(person: Person, text: str) -> MessageRef | None:
    """A direct message, unless this step has sent it before; None for somebody who is not in Slack."""
    return _find_told(person) or _post(person, text)


@step(find=_find_told)
def tell_in_slack(person: Person, message: str, **values: object) -> MessageRef | None:
    """A direct message; None for somebody who is not in Slack.

    Slack has no idempotency key: the message's first block is named by the step's reference and found by it.
    """
    return _post(person, messages.render(message, **values).body)


@step(repeatable=True)
def no_longer_needed(asked: MessageRef | None) -> None:
    """Say where a question stood, and take its buttons away, that the case ended without an answer to it."""
    withdraw(asked)


def withdraw(asked: MessageRef | None) -> None:
    """As `no_longer_needed`, for a step of another kind."""
    if asked is not None:
        replace_text(asked, messages.render("common/question-withdrawn", case=case_id(), case_link=case_page()).body)


@step(find=_find_asked, undo=no_longer_needed)
def ask_in_slack(
    invitation: Invitation, message: str, buttons: tuple[tuple[str, str], ...] = (), **values: object
) -> MessageRef | None:
    """A direct message with this person's code and link.

    Each button is an action and a label: `decide:verdict=approve` answers at once, `ask:verdict=deny` first asks
    for the rest of the form. Found again as `tell_in_slack` is.
    """
    return _ask(invitation, message, buttons, values)


def ask_once(
    invitation: Invitation, message: str, buttons: tuple[tuple[str, str], ...], values: Mapping[str, object]
) -> MessageRef | None:
    """As `ask_in_slack`, for a step of another kind: unless that step has sent it before."""
    return _find_asked(invitation) or _ask(invitation, message, buttons, values)


def _ask(
    invitation: Invitation, message: str, buttons: tuple[tuple[str, str], ...], values: Mapping[str, object]
) -> MessageRef | None:
    code, link = code_and_link(invitation)
    wanted = messages.variables(message)
    secrets = {name: value for name, value in {"code": code, "link": link}.items() if name in wanted}
    actions = [
        {
            "type": "button",
            "action_id": action,
            "text": {"type": "plain_text", "text": label},
            "value": button_token(invitation),
        }
        for action, label in buttons
    ]
    more = [{"type": "actions", "elements": actions}] if actions else []
    return _post(invitation.person, messages.render(message, **values, **secrets).body, more)


def asked_in_slack(told: Sequence[object]) -> list[MessageRef]:
    """Where the messages stand that `ask_in_slack` posted, from what announcing and reminding gave."""
    return [MessageRef.model_validate(ref) for ref in told if isinstance(ref, dict)]


@step(repeatable=True)
def show_outcome(shown: MessageRef, message: str, **values: object) -> None:
    """Put the outcome where the question stood, without its buttons, code and link; again changes nothing.

    A message that was deleted meanwhile has nothing to show.
    """
    replace_text(shown, messages.render(message, **values).body)


def replace_text(shown: MessageRef, text: str) -> None:
    """Let a message say something else, without buttons. One that was deleted meanwhile is left so."""
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text[:SECTION_CHARACTERS]}}
    try:
        current().slack.update(shown, text.splitlines()[0], [section])
    except NotFound:
        logger.info("A message in %s is not there any more; its outcome is not shown.", shown.channel)


@step(repeatable=True)
def ask_by_mail(invitation: Invitation, message: str, **values: object) -> None:
    """A mail with this person's code and link. A second copy, after a lost answer, has the same ones."""
    code, link = code_and_link(invitation)
    text = messages.render(message, **values, code=code, link=link)
    address = current().product.staff_address(invitation.person.id)
    current().mail.send(address, text.subject or "A question for you", text.body, reference())


@step(repeatable=True, delays=())
def tell_operators(invitation: Invitation) -> bool:
    """Tell an operator that a case is parked, in Slack or else by mail; false when neither can be done now.

    It must not park itself: the question stands in the Prefect UI and in `casework inbox` either way.
    """
    code, link = code_and_link(invitation)
    text = messages.render("common/parked", case=invitation.case_id, code=code, link=link)
    for send in (_by_slack, _by_mail):
        try:
            send(invitation.person.id, text)
        except SystemFault as fault:
            logger.warning("Case %s: an operator could not be told: %s", invitation.case_id, fault)
        else:
            return True
    return False


def _by_slack(staff_id: str, text: messages.Message) -> None:
    staff = current().product.staff(staff_id)
    if _post(Person(id=staff_id, slack=staff.slack_id), text.body) is None:
        raise NotFound("Slack", "tell an operator", f"{staff_id} has no Slack id")


def _by_mail(staff_id: str, text: messages.Message) -> None:
    address = current().product.staff_address(staff_id)
    current().mail.send(address, text.subject or "A case waits for you", text.body, reference())
