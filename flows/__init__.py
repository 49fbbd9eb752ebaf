"""What happens: one file for each process. Importing this package registers them all."""

from flows.data_export import data_export
from flows.deliver_file import deliver_file
from flows.inbox_digest import inbox_digest

__all__ = ["data_export", "deliver_file", "inbox_digest"]
