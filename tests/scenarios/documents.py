"""The office with Jira and Typeform: customers who want documents changed, support who read, CS who configure."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from casework import systems, tick
from casework.clock import NextWeekday
from casework.engine.simulated import Run
from casework.gateway.hook_events import JiraEvent, TypeformEvent
from casework.reception_jira import survey_starter
from casework.sandbox import aws, seed_documents
from casework.sandbox.jira_issues import ROBOT
from casework.schema import hooks
from casework.systems.jira import Jira
from casework.systems.typeform import Typeform
from flows.asking import office as house
from tests.scenarios.office import Office

__all__ = ["Studio"]

PAGE = "https://jira.example/browse/{issue}"


class Studio(Office):
    """One deployment with Jira and Typeform around it too."""

    def __init__(self, folder: Path, cloud: aws.Aws, url: str | None = None) -> None:
        super().__init__(folder, cloud, url)
        connected = systems.current()
        places = systems.JiraPlaces(
            issue_page=PAGE,
            support_project=seed_documents.SUPPORT,
            configuration_project=seed_documents.CONFIGURATION,
            needs_configuration_field=seed_documents.NEEDS_CONFIGURATION,
            organizations_field=seed_documents.ORGANIZATIONS,
            request_type_field=seed_documents.REQUEST_TYPE,
            survey_response_field=seed_documents.SURVEY_RESPONSE,
        )
        self.jira = self.client(Jira, "jira", "https://jira.example", "email", "token")
        typeform = self.client(Typeform, "typeform", "https://typeform.example", "token")
        around = replace(connected.places, jira=places, survey_form=seed_documents.SURVEY)
        connected = replace(connected, jira=self.jira, typeform=typeform, places=around)
        systems.use(connected)
        self.survey_starter = survey_starter(self.runtime, connected)

    def hooks(self) -> None:
        """Write down what Jira and Typeform tell us too, but for what we did ourselves, and let it be handled."""
        while deliveries := [*self.world.take_deliveries("jira"), *self.world.take_deliveries("typeform")]:
            for sent in deliveries:
                if sent.vendor == "typeform":
                    self.hear(TypeformEvent.model_validate_json(sent.body).hook())
                    continue
                event = JiraEvent.model_validate_json(sent.body)
                if event.actor() != ROBOT:
                    self.hear(event.hook(sent.body))
            super().hooks()
        # Once more, because a leg that was killed begins again only after a while.
        super().hooks()

    def follow(self, event: str, subject: str) -> None:
        """Handle one hint, as the gateway does."""
        super().follow(event, subject)
        self.survey_starter(event, subject)

    def unheard(self) -> list[str]:
        """What hints are about that have to be tried again."""
        with self.files.reading() as connection:
            return list(connection.execute(select(hooks.c.subject).where(hooks.c.handled_at.is_(None))).scalars())

    # -- the people

    def survey(self, user: str, **answers: Any) -> tuple[str, Run]:
        """A customer fills in the survey, its ticket is made, and its case runs as far as it goes."""
        token = self.people.customer.answer_survey(user, answers)
        ticket = self.people.customer.file_survey(token)
        self.hooks()
        return ticket, self.case(ticket)

    def case(self, ticket: str) -> Run:
        """The newest run of a ticket."""
        return [run for run in self.engine.runs.values() if run.parameters.get("ticket") == ticket][-1]

    def write(self, ticket: str, text: str, user: str | None = None) -> int:
        """The customer, or another user, writes on the ticket; the comment's id."""
        self.engine.sleep(1)
        comment = self.people.customer.comment_issue(ticket, text, user)
        self.hooks()
        return comment

    def task(self, ticket: str = "") -> str:
        """CS's newest ticket for a ticket."""
        with self.wire.still():
            links = self.jira.issue(ticket).links
        return [one.key for one in links if one.project == seed_documents.CONFIGURATION][-1]

    def configure(self, ticket: str, status: str) -> None:
        """Somebody in CS brings their ticket to a status."""
        self.engine.sleep(1)
        self.people.agent.move_issue(self.task(ticket), status, "staff-72")
        self.hooks()

    def ready(self, ticket: str) -> None:
        """CS has put the document onto Onboard."""
        self.configure(ticket, "On Hold")

    def publish(self, ticket: str) -> None:
        """CS has put the document onto Engine."""
        self.configure(ticket, "Published on Engine")

    def notice(self) -> Run:
        """The Monday notice, as its schedule starts it."""
        with self.wire.still():
            case_id, _ = tick.start(self.runtime, "onboard-reset-notice", "onboard:reset", {})
        assert case_id is not None
        self.settle()
        return self.engine.runs[case_id]

    def next_monday(self) -> None:
        """Let time pass until Monday, 10:00 in the office's zone."""
        at = NextWeekday(0, time(10), house).after(self.engine.time)
        self.advance(seconds=(at - self.engine.time).total_seconds())

    # -- what can be seen

    def status(self, issue: str) -> str:
        """Where an issue stands."""
        with self.wire.still():
            return self.jira.issue(issue).status

    def told(self, ticket: str, public: bool = True) -> list[str]:
        """What our account wrote to the customer or to colleagues on a ticket, oldest first."""
        with self.wire.still():
            found = list(self.jira.comments(ticket))
        return [one.text for one in found if one.author == ROBOT and one.public is public]

    def notes(self, ticket: str) -> list[str]:
        """What our account wrote on CS's newest ticket for a ticket, oldest first."""
        with self.wire.still():
            return [one.text for one in self.jira.comments(self.task(ticket)) if one.author == ROBOT]

    def kinds(self, ticket: str) -> list[str]:
        """The names of the messages that the newest case of a ticket wrote to the customer, in order."""
        steps = [entry.payload for entry in self.entries(self.case(ticket)) if entry.kind.value == "body:step:begun"]
        sent = [one["with"]["message"] for one in steps if one["step"] == "jira.reply"]
        return [name.rpartition("/")[2] for name in sent]
