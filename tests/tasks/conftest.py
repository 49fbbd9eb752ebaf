from __future__ import annotations

from tests.scenarios.conftest import cloud, new_office, new_studio, office, studio

__all__ = ["cloud", "new_office", "new_studio", "office", "studio"]
