"""What happens: one file for each process. Importing this package registers them all."""

from flows.data_export import data_export

__all__ = ["data_export"]
