from __future__ import annotations

from tests.scenarios.conftest import cloud, new_office, office

__all__ = ["cloud", "new_office", "office"]
