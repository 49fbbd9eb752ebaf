"""The pages in a real browser, where one is installed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from casework.delivery.links import LinkState
from tests.gateway.conftest import Place
from tests.gateway.serving import served

CHROMIUM = Path("/usr/bin/chromium")
CONTENT = random.Random(13).randbytes(12_000_000)
NARROW = "document.documentElement.scrollWidth <= 320"

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def claim(place: Place, page: Page, address: str) -> None:
    """Go through the landing page as a customer does."""
    page.goto(address)
    page.get_by_role("button", name="Send me the code").click()
    page.get_by_label("The six digits").fill(place.codes[-1][1])
    page.get_by_role("button", name="Open the download").click()
    page.get_by_role("heading", name="Download your data export").wait_for()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_customer_downloads(place: Place, browser: Browser, scripts: bool) -> None:
    """On a 320 px screen, with the page's script and without any, the browser saves exactly the file."""
    link, token = place.file(CONTENT)
    context = browser.new_context(java_script_enabled=scripts, viewport={"width": 320, "height": 640})
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    with served(place) as url:
        # Headless browsers have no dialog to choose a place in; the other way of saving is taken.
        page.add_init_script("window.showSaveFilePicker = undefined")
        claim(place, page, f"{url}/d/{token}")
        if scripts:
            assert page.evaluate(NARROW)
        with page.expect_download() as download:
            page.locator("#start" if scripts else "#plain").click()
        saved = download.value.path().read_bytes()
        if scripts:
            page.get_by_text("Downloaded and checked").wait_for()
        context.close()
    assert hashlib.sha256(saved).hexdigest() == link.file.plain_sha256
    assert place.links.get(link.link_id).state is (LinkState.RECEIVED if scripts else LinkState.CLAIMED)
    assert problems == []


def test_a_decision_by_keyboard(place: Place, browser: Browser) -> None:
    """A person decides with the keyboard alone on a 320 px screen; a problem is announced and named."""
    run = place.start()
    context = browser.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    with served(place) as url:
        page.goto(f"{url}/decide/{place.token(run)}")
        assert page.evaluate(NARROW)
        page.get_by_role("radio", name="deny").focus()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Send my answer").focus()
        page.keyboard.press("Enter")
        assert "say why you deny it" in page.get_by_role("alert").inner_text()
        page.get_by_label("Reason").fill("not theirs")
        page.get_by_role("button", name="Send my answer").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Your answer is recorded").wait_for()
        context.close()
    place.desk.settle()
    assert place.desk.ending(run) == "deny"
