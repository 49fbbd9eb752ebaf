"""What `casework up` will run: the plan of a site, before any of it is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from casework.commands.site import plan
from casework.settings import SettingsWrong, load


def test_up_needs_systems_or_the_sandbox(tmp_path: Path) -> None:
    """Without either, everything that is missing is named at once and nothing has been written."""
    with pytest.raises(SettingsWrong) as caught:
        plan(load(), sandbox=False)
    for name in ("zendesk.url", "CASEWORK_ZENDESK__TOKEN", "product.url", "roles.operators", "--sandbox"):
        assert name in str(caught.value)
    assert not (tmp_path / ".casework").exists()


def test_up_plans_the_site_and_tells_other_commands(tmp_path: Path) -> None:
    """The children come in the order in which they need each other; the chosen addresses are found again."""
    site = plan(load(running=False), sandbox=True)
    assert [child.name for child in site.children] == ["prefect", "sandbox", "deploy", "gateway", "worker"]
    found = load().settings
    assert found.gateway.public_url == site.addresses["gateway"]
    assert found.sandbox.url == site.addresses["sandbox"]
    assert plan(load(running=False), sandbox=True).addresses == site.addresses
    for child in site.children:
        assert child.environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
        assert child.environment["CASEWORK_HOME"] == str(tmp_path / ".casework")
    # It reads every suspended run every five seconds.
    assert site.children[0].environment["PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED"] == "false"
