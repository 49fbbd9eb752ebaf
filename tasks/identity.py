"""What an identity concern needs of Salesforce: its key words, the reply with the member's own name, the account.

Names and texts come as references to sealed words (`ConfidentialText`) or are read from Salesforce, and stay there:
what is handed back, kept and logged are ids, the ids of rules, and why something was held back.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import StrEnum

from casework.confidential import ConfidentialText
from casework.step import lookup, reference, step, words
from casework.systems import current
from casework.systems.errors import Refused
from policies import identity_concern as policy
from policies import messages
from policies.identity_concern import Hold
from policies.reply_names import is_confirmed
from policies.values import as_data
from tasks.salesforce import found_comment

__all__ = ["Changed", "answer", "change", "draft", "key_word", "note_words", "shows", "why_held"]

logger = logging.getLogger(__name__)


class Changed(StrEnum):
    """What came of a change of the account."""

    MADE = "made"
    REFUSED = "refused"
    NO_ACCOUNT = "no-account"


@lookup
def key_word(case: str) -> str:
    """The id of the first rule whose key words the member used, in subject or text; empty without one."""
    cases = current().salesforce.cases
    found = cases.case(case)
    written = [mail.text or "" for mail in cases.mails(case) if mail.incoming]
    return policy.key_word(found.subject or "", found.description or "", *written) or ""


@step(find=found_comment)
def note_words(case: str, message: str, *, text: ConfidentialText, **values: object) -> str:
    """Write a comment that only colleagues read, with what one of them wrote; its id."""
    body = messages.render(message, text=words(text), **values).body
    return current().salesforce.cases.comment(case, f"{body}\nRef {reference()}", public=False)


# -- the reply and the name in it


@dataclass(frozen=True, slots=True)
class _Finished:
    """An approved reply with a name in it, and why it can't be sent; empty where the name can't be written."""

    subject: str = field(repr=False)
    body: str = field(repr=False)
    held: tuple[Hold, ...]


def _finish(case: str, reply: str, name: str, confirmed: str | None) -> _Finished:
    try:
        as_data("name", name, "plain")
    except ValueError:
        return _Finished("", "", (Hold.NAME_CANNOT_BE_WRITTEN,))
    written = messages.render(f"identity_concern/{reply}", name=name)
    subject, body = written.subject or "", written.body
    others = _names_on_account(case)
    held = policy.why_held(f"{subject}\n{body}", shown=name, confirmed=confirmed, others=others)
    return _Finished(subject, body, held)


def _names_on_account(case: str) -> tuple[str, ...]:
    org = current().salesforce
    contact = org.cases.case(case).contact_id
    if contact is None:
        return ()
    member = org.members.member(contact)
    return tuple(name for name in (member.first_name, member.last_name, member.display_name) if name)


def _but_for_confirmation(reply: _Finished) -> tuple[Hold, ...]:
    return tuple(one for one in reply.held if one is not Hold.NAME_NOT_CONFIRMED)


def _find_draft(case: str, reply: str, *, name: ConfidentialText) -> tuple[Hold, ...] | None:
    return _but_for_confirmation(_finish(case, reply, words(name), None)) if found_comment(case) else None


@step(find=_find_draft)
def draft(case: str, reply: str, *, name: ConfidentialText) -> tuple[Hold, ...]:
    """Show the finished reply to colleagues, as a comment on the case; why it could not be sent, but for the
    confirmation.

    The name stands in Salesforce then, where it may be read, and a person confirms it by what they see there.
    """
    finished = _finish(case, reply, words(name), None)
    if finished.body:
        before = messages.render("identity_concern/note-draft").body
        text = f"{before}\n{finished.subject}\n\n{finished.body}\nRef {reference()}"
        current().salesforce.cases.comment(case, text, public=False)
    return _but_for_confirmation(finished)


@lookup
def why_held(case: str, reply: str, *, name: ConfidentialText, confirmed: ConfidentialText) -> tuple[Hold, ...]:
    """Why the reply can't be sent with the name that a person confirmed; empty when it can."""
    return _finish(case, reply, words(name), words(confirmed)).held


def _find_answer(
    case: str,
    reply: str,  # noqa: ARG001 - as answer
    *,
    name: ConfidentialText,  # noqa: ARG001
    confirmed: ConfidentialText,  # noqa: ARG001
) -> tuple[Hold, ...] | None:
    return () if current().salesforce.cases.find_reply(case, reference()) else None


@step(find=_find_answer)
def answer(case: str, reply: str, *, name: ConfidentialText, confirmed: ConfidentialText) -> tuple[Hold, ...]:
    """Mail the approved reply to the member; empty when it was sent, else why nothing was.

    Held back here, whatever was looked at before, unless the very text that would go out holds the confirmed name,
    no other name that the account has at this moment, and nothing that is still to be filled in. The subject is the
    template's and not the case's, in which the member may have written a name that they do not use.
    """
    finished = _finish(case, reply, words(name), words(confirmed))
    if not finished.held:
        current().salesforce.cases.reply(case, finished.subject, f"{finished.body}\nRef {reference()}")
    return finished.held


# -- the account


@step(repeatable=True)
def change(case: str, *, name: ConfidentialText | None, gender: ConfidentialText | None) -> Changed:
    """Set what is given on the member's account, all or nothing. Repeatable: it sets the same values again."""
    org = current().salesforce
    contact = org.cases.case(case).contact_id
    if contact is None:
        return Changed.NO_ACCOUNT
    try:
        org.members.edit(contact, display_name=name and words(name), gender=gender and words(gender))
    except Refused as fault:
        logger.warning("The account was not changed, which an agent is asked about: %s", fault)
        return Changed.REFUSED
    return Changed.MADE


@lookup
def shows(case: str, *, name: ConfidentialText | None, gender: ConfidentialText | None) -> bool:
    """Whether the account, read again, has what was given."""
    org = current().salesforce
    contact = org.cases.case(case).contact_id
    if contact is None:
        return False
    member = org.members.member(contact)
    wanted = ((name, member.display_name), (gender, member.gender))
    return all(given is None or is_confirmed(words(given), now or "") for given, now in wanted)
