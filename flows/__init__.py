"""What happens: one file for each process. Importing this package registers them all."""

from flows.data_export import data_export
from flows.deliver_file import deliver_file
from flows.document_change import document_change
from flows.document_survey import document_survey
from flows.inbox_digest import inbox_digest
from flows.onboard_reset_notice import onboard_reset_notice

__all__ = [
    "data_export",
    "deliver_file",
    "document_change",
    "document_survey",
    "inbox_digest",
    "onboard_reset_notice",
]
