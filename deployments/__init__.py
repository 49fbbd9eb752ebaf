"""How it runs: which processes are deployed, and what starts them.

`casework deploy` registers this list, with the days of the reps whom the settings name; `prefect.yaml` says the same
for `prefect deploy`, without them (a test compares).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from policies.data_export import NUMBERS as DATA_EXPORT
from policies.document_change import NUMBERS as DOCUMENT_CHANGE
from policies.inbox_digest import NUMBERS as INBOX_DIGEST
from policies.rota import Rostered
from policies.schedule_review import crons as reviews_of
from policies.support_day import NUMBERS as SUPPORT_DAY
from policies.support_day import crons as days_of

__all__ = ["DEPLOYMENTS", "Deployment", "Schedule", "deployed"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a process starts by itself: a cron line, read in an IANA time zone, and the parameters it starts with."""

    cron: str
    zone: str
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One process on the work pool. `entrypoint` is a module path, so that it works from any directory."""

    process: str
    entrypoint: str
    tags: tuple[str, ...] = ()
    schedules: tuple[Schedule, ...] = ()


# The digest looks itself whether the day is a working day: cron knows no holidays.
_MORNINGS = Schedule(
    f"{INBOX_DIGEST.time_of_day.minute} {INBOX_DIGEST.time_of_day.hour} * * *", DATA_EXPORT.business.zone
)
# Names of days, because their numbers mean other days elsewhere than in cron.
_RESETS = Schedule(
    f"{DOCUMENT_CHANGE.reset.time_of_day.minute} {DOCUMENT_CHANGE.reset.time_of_day.hour} * * "
    f"{DOCUMENT_CHANGE.reset.weekday[:3]}",
    DATA_EXPORT.business.zone,
)

_WEEKS = Schedule(f"{SUPPORT_DAY.week.time_of_day.minute} {SUPPORT_DAY.week.time_of_day.hour} * * mon", "UTC")

DEPLOYMENTS = (
    Deployment("data-export", "flows.data_export.data_export", ("casework", "customer")),
    Deployment("deliver-file", "flows.deliver_file.deliver_file", ("casework", "customer")),
    Deployment("document-change", "flows.document_change.document_change", ("casework", "customer")),
    Deployment("document-survey", "flows.document_survey.document_survey", ("casework", "staff")),
    Deployment("identity-concern", "flows.identity_concern.identity_concern", ("casework", "customer")),
    Deployment("inbox-digest", "flows.inbox_digest.inbox_digest", ("casework", "staff"), (_MORNINGS,)),
    Deployment("legal-clock", "flows.legal_clock.legal_clock", ("casework", "staff")),
    Deployment("offboarding", "flows.offboarding.offboarding", ("casework", "customer")),
    Deployment(
        "onboard-reset-notice", "flows.onboard_reset_notice.onboard_reset_notice", ("casework", "customer"), (_RESETS,)
    ),
    Deployment("privacy-request", "flows.privacy_request.privacy_request", ("casework", "customer")),
    Deployment("refund-escalation", "flows.refund_escalation.refund_escalation", ("casework", "customer")),
    Deployment("review-escalation", "flows.review_escalation.review_escalation", ("casework", "customer")),
    Deployment("sales-transfer", "flows.sales_transfer.sales_transfer", ("casework", "customer")),
    Deployment("schedule-review", "flows.schedule_review.schedule_review", ("casework", "staff")),
    Deployment("support-day", "flows.support_day.support_day", ("casework", "staff")),
    Deployment("support-week", "flows.support_week.support_week", ("casework", "staff"), (_WEEKS,)),
    Deployment("tier2-intake", "flows.tier2_intake.tier2_intake", ("casework", "staff")),
)

_OF_A_REP = {"schedule-review": reviews_of, "support-day": days_of}
"""What each rep has, and when: a function of the rep, whose holidays and leave the case itself looks at."""


def deployed(reps: Iterable[Rostered]) -> tuple[Deployment, ...]:
    """What is deployed, with a schedule for each of these reps in their own zone."""
    reps = tuple(reps)

    def schedules(process: str) -> tuple[Schedule, ...]:
        crons_of = _OF_A_REP.get(process, lambda _: ())
        return tuple(Schedule(one.cron, one.zone, {"rep": rep.id}) for rep in reps for one in crons_of(rep))

    return tuple(replace(one, schedules=(*one.schedules, *schedules(one.process))) for one in DEPLOYMENTS)
