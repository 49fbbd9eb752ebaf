"""Casework: the multi-day processes of a customer-support organisation as durable Prefect flows."""

from importlib.metadata import version

__version__ = version("casework")
