"""The decision page: a personal link shows one question to one person and takes the answer.

Opening the page changes nothing, however often it is opened and by whatever program. The link's token is
signed and names the case, the wait and the person; whether that person may answer, and still can, is decided
where every answer is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy import Row, select
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from casework import tick
from casework.answer import Accepted, Form, Offer, Refusal, answer, forms
from casework.gateway.pages import markdown, moment, page
from casework.gateway.parts import Gateway
from casework.gateway.questions import fields, values
from casework.gateway.security import Origins, raw_body, typed_form
from casework.gateway.settled import how_settled
from casework.people import Identity, Invitation, read_token
from casework.runtime import Runtime
from casework.schema import waits

__all__ = ["router"]


@dataclass(frozen=True, slots=True)
class Question:
    """An open question and the person whose link was opened."""

    invitation: Invitation
    wait: Row[Any]
    form: type[Form]


def router(gateway: Gateway) -> APIRouter:
    """`/decide/{token}`."""
    routes = APIRouter()
    runtime = gateway.runtime
    origins = Origins.of(runtime.secret, runtime.public_url, gateway.delivery.public_url)

    def shown(token: str, question: Question, typed: Mapping[str, str], problem: str | None) -> Response:
        of = fields(question.form)
        return page(
            "question.html",
            200 if problem is None else 422,
            action=f"/decide/{token}",
            csrf=origins.csrf(token),
            role=question.wait.role,
            person=question.invitation.person.id,
            until=moment(question.wait.due_at, runtime.zone),
            question=markdown(question.wait.question),
            fields=of,
            typed=typed,
            problem=problem,
            wrong={field.name for field in of if problem is not None and f"{field.name}:" in problem},
        )

    @routes.api_route("/decide/{token}", methods=["GET", "HEAD"])
    def show(token: str) -> Response:
        question = _open(runtime, token)
        return question if isinstance(question, Response) else shown(token, question, {}, None)

    @routes.post("/decide/{token}")
    def decide(token: str, request: Request, body: Annotated[bytes, Depends(raw_body)]) -> Response:
        typed = typed_form(request, body)
        origins.demand(request, token, typed.get("csrf"))
        question = _open(runtime, token)
        if isinstance(question, Response):
            return question
        invitation = question.invitation
        outcome = answer(
            Offer(
                invitation.case_id,
                invitation.wait,
                values(fields(question.form), typed),
                channel="link",
                identity=Identity(kind="person", value=invitation.person.id),
            )
        )
        if isinstance(outcome, Accepted):
            response = _message(200, "Your answer is recorded", "Thank you. You can close this page.")
            response.background = BackgroundTask(tick.push, runtime, outcome.case_id)
            return response
        if outcome.why is Refusal.INVALID:
            return shown(token, question, typed, outcome.sentence)
        if outcome.why in (Refusal.DECIDED, Refusal.LATE):
            return _settled(runtime, invitation)
        return _message(403, "Your answer was not recorded", outcome.sentence)

    return routes


def _open(runtime: Runtime, token: str) -> Question | Response:
    """The question behind a link, or the page that says why there is none."""
    try:
        invitation = read_token(runtime.secret, token)
    except ValueError as error:
        return _message(400, "This link does not work", str(error))
    wait = _wait(runtime, invitation)
    if wait is None:
        sentence = "There is no such question here. Ask the support team to send you a new link."
        return _message(404, "This question is not known", sentence)
    if (
        wait.state != "open"
        or runtime.files.now() >= wait.due_at
        or runtime.files.case(invitation.case_id).closed_at is not None
    ):
        return _settled(runtime, invitation)
    form = forms.get(wait.form)
    if form is None:
        sentence = "This release does not have the form of this question. Ask the support team to update it."
        return _message(503, "This question cannot be shown", sentence)
    return Question(invitation, wait, form)


def _wait(runtime: Runtime, invitation: Invitation) -> Row[Any] | None:
    same = (waits.c.case_id == invitation.case_id, waits.c.wait == invitation.wait)
    with runtime.files.reading() as connection:
        return connection.execute(select(waits).where(*same)).one_or_none()


def _settled(runtime: Runtime, invitation: Invitation) -> Response:
    """The page of a question that takes no answer any more."""
    sentence = how_settled(runtime, invitation.case_id, invitation.wait, invitation.person.id)
    return _message(410, "This question is settled", f"{sentence} Nothing is left for you to do here.")


def _message(status: int, title: str, *sentences: str) -> Response:
    return page("message.html", status, title=title, sentences=list(sentences))
