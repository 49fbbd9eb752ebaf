"""The only door from outside: hooks in, decisions, downloads."""

from __future__ import annotations

from casework.gateway.app import answer_soon, create_app, server
from casework.gateway.parts import Gateway

__all__ = ["Gateway", "answer_soon", "create_app", "server"]
