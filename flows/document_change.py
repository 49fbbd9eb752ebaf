"""The document change: a customer wants to change the documents that its own customers sign.

A change is configured by CS, tried on Onboard when the customer wants that, over as many rounds as it takes, and lives
on Engine in the end. Source: the organisation's policy page "Document change requests". What is decided stands in
`policies.document_change`, every number in its TOML file, every text in its messages. Steps 1 and 2 are in
`flows.document_change_requirements`, 3, 4 and 6 in `flows.document_change_rounds`; 7, how people are asked, is with the
request itself.
"""

from __future__ import annotations

from casework import clock
from casework.clock import Minutes
from casework.process import process
from flows import document_change_forms as forms
from flows.asking import insist
from flows.document_change_forms import Said, Then
from flows.document_change_request import TEXTS, Request, await_news, have_read, pass_on
from flows.document_change_requirements import qualify
from flows.document_change_rounds import await_configuration, configure, send_back, try_out, wait_on
from policies.document_change import NUMBERS, Ending, State
from tasks import documents, jira


@process("document-change", subject="jira:issue:{ticket}", watch=jira.gone)
def document_change(ticket: str) -> str:
    """Have the documents changed that a customer's own customers sign: configured, tested in rounds, published.

    Start it with the key of the support ticket in Jira. It waits days for people without holding a process; the story
    of each case is the artifact of its run.
    """
    jira.open_again(ticket)
    jira.begin(ticket, f"{TEXTS}/note-started", f"{TEXTS}/cancelled")
    request = Request(ticket)
    ended = take_up(request)
    if ended is not None:
        return ended
    while True:
        match await_configuration(request):
            case State.READY:
                if try_out(request) is Said.WITHDRAWN:
                    return end(request, Ending.WITHDRAWN)
            case State.PUBLISHED:
                if await_silence(request):
                    jira.close(ticket)
                    return Ending.PUBLISHED
            case State.DROPPED if wait_on(request, "configuration-dropped", State.DROPPED):
                request.task = documents.prior(ticket).task or configure(request)
            case _:
                return end(request, Ending.CANCELLED)


# -- Taken up, for the first time or again


def take_up(request: Request) -> str | None:
    """Bring the request to CS, or say how the case ended. One that CS has already is for the operators."""
    task = documents.prior(request.ticket).task
    if task is None:
        ended = qualify(request)
        request.task = "" if ended else configure(request)
        return ended
    request.task = task
    answer = insist(forms.FollowUp, request.ticket, "after-end", texts=TEXTS, **request.page)
    if answer.decision is Then.HAND_ON:
        send_back(request, "cs-after-publication", staff=answer.by)
        return None
    jira.last_reply(request.ticket)
    jira.close(request.ticket)
    return Ending.PUBLISHED


# -- 5. Published: an answer within a day is for the operators


def await_silence(request: Request) -> bool:
    """Give the customer a day to answer the publication, of which Jira tells; False when CS has to look again."""
    until = Minutes(60 * NUMBERS.published_wait_hours).after(clock.now())
    news = await_news(request, "published", until, State.PUBLISHED)
    if news is None:
        return True
    if news.comment is None:
        return False
    answer, _ = have_read(forms.FollowUp, request.ticket, "published-answer", news.comment, insist, (Then.CLOSE,))
    if answer.decision is Then.HAND_ON:
        send_back(request, "cs-after-publication", staff=answer.by)
    return answer.decision is Then.CLOSE


def end(request: Request, ending: Ending) -> str:
    """Tell CS and the customer that nothing comes of it, and close both tickets."""
    pass_on(request)
    documents.abandon(request.task)
    jira.reply(request.ticket, f"{TEXTS}/{ending.value}")
    jira.close(request.ticket)
    return ending
