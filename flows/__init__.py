"""What happens: one file for each process. Importing this package registers them all."""

from flows.data_export import data_export
from flows.deliver_file import deliver_file
from flows.document_change import document_change
from flows.document_survey import document_survey
from flows.identity_concern import identity_concern
from flows.inbox_digest import inbox_digest
from flows.legal_clock import legal_clock
from flows.onboard_reset_notice import onboard_reset_notice
from flows.privacy_request import privacy_request
from flows.refund_escalation import refund_escalation
from flows.review_escalation import review_escalation
from flows.tier2_intake import tier2_intake

__all__ = [
    "data_export",
    "deliver_file",
    "document_change",
    "document_survey",
    "identity_concern",
    "inbox_digest",
    "legal_clock",
    "onboard_reset_notice",
    "privacy_request",
    "refund_escalation",
    "review_escalation",
    "tier2_intake",
]
