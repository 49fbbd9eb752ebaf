"""The decision page: a personal link shows one question to one person and takes the answer.

Opening the page changes nothing, however often it is opened and by whatever program. The link's token is
signed and names the case, the wait and the person; whether that person may answer, and still can, is decided
where every answer is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy import Row, select
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from casework import database, tick
from casework.answer import Accepted, Form, Offer, Refusal, Refused, answer, forms, may_not
from casework.gateway.faults import NOT_RECORDED, told
from casework.gateway.pages import markdown, moment, page
from casework.gateway.parts import Gateway
from casework.gateway.questions import fields, values, wrong
from casework.gateway.security import Origins, raw_body, typed_form
from casework.gateway.settled import how_settled
from casework.people import Identity, Invitation, read_token
from casework.runtime import Runtime
from casework.schema import waits

__all__ = ["router"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the person whose link was opened; `open` while it takes answers."""

    invitation: Invitation
    wait: Row[Any]
    form: type[Form]
    open: bool


def router(gateway: Gateway) -> APIRouter:
    """`/decide/{token}`."""
    routes = APIRouter()
    runtime = gateway.runtime
    origins = Origins.of(runtime.secret, runtime.public_url, gateway.delivery.public_url)

    def shown(
        token: str, question: Question, typed: Mapping[str, str], problem: str | None, status: int = 422
    ) -> Response:
        of = fields(question.form)
        return page(
            "question.html",
            200 if problem is None else status,
            {"Retry-After": "5"} if status == 503 else {},
            action=f"/decide/{token}",
            csrf=origins.csrf(token),
            role=question.wait.role,
            person=question.invitation.person.id,
            until=moment(question.wait.due_at, runtime.zone),
            question=markdown(question.wait.question),
            fields=of,
            typed=typed,
            problem=problem,
            wrong=wrong(of, problem or ""),
        )

    @routes.api_route("/decide/{token}", methods=["GET", "HEAD"])
    def show(token: str) -> Response:
        question = _asked(runtime, token)
        if isinstance(question, Response):
            return question
        if not question.open:
            return _settled(runtime, question.invitation)
        barred = may_not(question.invitation)
        return shown(token, question, {}, None) if barred is None else _barred(barred)

    @routes.post("/decide/{token}")
    def decide(token: str, request: Request, body: Annotated[bytes, Depends(raw_body)]) -> Response:
        typed = typed_form(request, body)
        origins.demand(request, token, typed.get("csrf"))
        question = _asked(runtime, token)
        if isinstance(question, Response):
            return question
        # Where the question is settled by now, the attempt is recorded all the same.
        invitation = question.invitation
        offer = Offer(
            invitation.case_id,
            invitation.wait,
            values(fields(question.form), typed),
            channel="link",
            identity=Identity(kind="person", value=invitation.person.id),
        )
        try:
            outcome = answer(offer)
        except database.AWAY as error:
            logger.error("An answer could not be recorded, and its page says so: %s", told(error))
            return shown(token, question, typed, NOT_RECORDED, 503)
        if isinstance(outcome, Accepted):
            response = _message(200, "Your answer is recorded", "Thank you. You can close this page.")
            response.background = BackgroundTask(tick.push, runtime, outcome.case_id)
            return response
        if outcome.why is Refusal.INVALID:
            return shown(token, question, typed, outcome.sentence)
        if outcome.why in (Refusal.DECIDED, Refusal.LATE):
            return _settled(runtime, invitation)
        return _barred(outcome)

    return routes


def _asked(runtime: Runtime, token: str) -> Question | Response:
    """The question behind a link, or the page that says why there is none."""
    try:
        invitation = read_token(runtime.secret, token)
    except ValueError as error:
        return _message(400, "This link does not work", str(error))
    wait = _wait(runtime, invitation)
    if wait is None:
        sentence = "There is no such question here. Ask the support team to send you a new link."
        return _message(404, "This question is not known", sentence)
    closed = runtime.files.case(invitation.case_id).closed_at is not None
    takes_answers = wait.state == "open" and runtime.files.now() < wait.due_at and not closed
    if takes_answers and wait.form not in forms:
        sentence = "This release does not have the form of this question. Ask the support team to update it."
        return _message(503, "This question cannot be shown", sentence)
    # A settled question is told of without its form, which a later release may not have any more.
    return Question(invitation, wait, forms.get(wait.form, Form), takes_answers)


def _wait(runtime: Runtime, invitation: Invitation) -> Row[Any] | None:
    same = (waits.c.case_id == invitation.case_id, waits.c.wait == invitation.wait)
    with runtime.files.reading() as connection:
        return connection.execute(select(waits).where(*same)).one_or_none()


def _settled(runtime: Runtime, invitation: Invitation) -> Response:
    """The page of a question that takes no answer any more."""
    sentence = how_settled(runtime, invitation.case_id, invitation.wait, invitation.person.id)
    return _message(410, "This question is settled", f"{sentence} Nothing is left for you to do here.")


def _barred(refused: Refused) -> Response:
    return _message(403, "You cannot answer this question", refused.sentence)


def _message(status: int, title: str, *sentences: str) -> Response:
    return page("message.html", status, title=title, sentences=list(sentences))
