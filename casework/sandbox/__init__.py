"""Strict stand-ins of the outside systems, for the demo and the tests.

A stand-in is a function from request to response with state one can print. Nothing here knows the rest of the
project, so that it can contradict it.
"""

from __future__ import annotations

from casework.sandbox.misbehave import Fault
from casework.sandbox.people import People
from casework.sandbox.world import VENDORS, World

__all__ = ["VENDORS", "Fault", "People", "World"]
