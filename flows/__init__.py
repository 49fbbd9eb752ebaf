"""What happens: one file for each process. Importing this package registers them all."""

from flows.data_export import data_export
from flows.deliver_file import deliver_file
from flows.document_change import document_change
from flows.document_survey import document_survey
from flows.identity_concern import identity_concern
from flows.inbox_digest import inbox_digest
from flows.legal_clock import legal_clock
from flows.offboarding import offboarding
from flows.onboard_reset_notice import onboard_reset_notice
from flows.privacy_request import privacy_request
from flows.refund_escalation import refund_escalation
from flows.review_escalation import review_escalation
from flows.sales_transfer import sales_transfer
from flows.schedule_review import schedule_review
from flows.support_day import support_day
from flows.support_week import support_week
from flows.tier2_intake import tier2_intake

__all__ = [
    "data_export",
    "deliver_file",
    "document_change",
    "document_survey",
    "identity_concern",
    "inbox_digest",
    "legal_clock",
    "offboarding",
    "onboard_reset_notice",
    "privacy_request",
    "refund_escalation",
    "review_escalation",
    "sales_transfer",
    "schedule_review",
    "support_day",
    "support_week",
    "tier2_intake",
]
