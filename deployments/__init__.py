"""How it runs: which processes are deployed, and what starts them.

`casework deploy` registers this list; `prefect.yaml` says the same for `prefect deploy` (a test compares).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.data_export import NUMBERS as DATA_EXPORT
from policies.document_change import NUMBERS as DOCUMENT_CHANGE
from policies.inbox_digest import NUMBERS as INBOX_DIGEST

__all__ = ["DEPLOYMENTS", "Deployment", "Schedule"]


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

DEPLOYMENTS = (
    Deployment("data-export", "flows.data_export.data_export", ("casework", "customer")),
    Deployment("deliver-file", "flows.deliver_file.deliver_file", ("casework", "customer")),
    Deployment("document-change", "flows.document_change.document_change", ("casework", "customer")),
    Deployment("document-survey", "flows.document_survey.document_survey", ("casework", "staff")),
    Deployment("identity-concern", "flows.identity_concern.identity_concern", ("casework", "customer")),
    Deployment("inbox-digest", "flows.inbox_digest.inbox_digest", ("casework", "staff"), (_MORNINGS,)),
    Deployment("legal-clock", "flows.legal_clock.legal_clock", ("casework", "staff")),
    Deployment(
        "onboard-reset-notice", "flows.onboard_reset_notice.onboard_reset_notice", ("casework", "customer"), (_RESETS,)
    ),
    Deployment("privacy-request", "flows.privacy_request.privacy_request", ("casework", "customer")),
    Deployment("refund-escalation", "flows.refund_escalation.refund_escalation", ("casework", "customer")),
    Deployment("review-escalation", "flows.review_escalation.review_escalation", ("casework", "customer")),
    Deployment("tier2-intake", "flows.tier2_intake.tier2_intake", ("casework", "staff")),
)
