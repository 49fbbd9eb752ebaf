"""A response to the document survey from which Jira has made no ticket: it is looked for, then support is asked.

It starts when Typeform's hook has been without its ticket for a while. Once the ticket is known this case ends, and
the gateway starts the document change of that ticket.
"""

from __future__ import annotations

from dataclasses import replace

from casework.clock import Minutes, WorkingHours
from casework.people import Role
from casework.process import process
from casework.wait import wait_for
from flows import document_change_forms as forms
from flows.asking import office
from flows.document_change_forms import Ticketless
from flows.document_change_request import TEXTS, ask_support
from policies.document_change import NUMBERS, Survey
from tasks import typeform
from tasks.jira import JIRA

look_every = Minutes(NUMBERS.survey_look_minutes)


@process("document-survey", subject="typeform:response:{response}")
def document_survey(response: str) -> str:
    """Find the ticket of a response to the survey (its form and token, `Dq8mYt2K/4n9x`), or have support name it.

    Ends with the ticket, whose document change is started then, or dropped.
    """
    came = wait_for(
        forms.Filed,
        key="ticket",
        question="Jira makes a ticket from the survey. Nobody needs to answer.",
        who=Role(name="survey", people=(JIRA,)),
        within=WorkingHours(NUMBERS.survey_ticket_working_hours, office),
        listens=f"typeform:response:{response}",
        look=lambda _: typeform.filed(response),
        look_every=look_every,
    )
    ticket = came.ticket if came else ask_which(response)
    return f"{Survey.FOUND}: {ticket}" if ticket else Survey.DROPPED


def ask_which(response: str) -> str | None:
    """Ask support for the ticket until it is one that can be gone on with; None: there is nothing to do."""
    go_on, refused = {"decision": Ticketless.NAMED.value}, "none"
    while True:
        answer = ask_support(
            forms.LostTicket,
            response,
            "survey-without-ticket",
            settled_by=(JIRA, f"typeform:response:{response}"),
            look=lambda _: [replace(one, values={**one.values, **go_on}) for one in typeform.filed(response)],
            texts=TEXTS,
            refused=refused,
        )
        if answer.ticket is None or typeform.adopt(answer.ticket, response):
            return answer.ticket
        refused = answer.ticket
