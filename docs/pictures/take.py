"""Takes the documentation's pictures from a running site: `casework up --sandbox` in one terminal, this in another.

It plays one case on the stand-ins as far as its download page, so run it on a fresh home:

    CASEWORK_HOME=/tmp/pictures casework up --sandbox
    CASEWORK_HOME=/tmp/pictures python docs/pictures/take.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from playwright.sync_api import Page, ViewportSize, sync_playwright
from sqlalchemy import select

from casework import wiring
from casework.players import Players
from casework.schema import waits
from casework.settings import load

T = TypeVar("T")
FOLDER = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
CUSTOMER, TEAM, CSM = "user-88", "team-104", "staff-13"
OTHERS = ("user-81", "user-83", "user-92", "user-93")
SIZE = ViewportSize(width=1400, height=1000)
DELIVERABLE_BYTES = 24_000_000


def until(look: Callable[[], T | None]) -> T:
    """What `look` sees, once it sees something."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(0.5)
    raise TimeoutError("The site did not go on in two minutes. Its logs say why.")


class Scene:
    """One case on the running site, and a browser that looks at it."""

    def __init__(self, page: Page) -> None:
        settings = load().settings
        if settings.sandbox.url is None or settings.prefect.api_url is None or settings.gateway.public_url is None:
            raise SystemExit("There is no running site: start `casework up --sandbox` with the same CASEWORK_HOME.")
        self.page = page
        self.players = Players(settings.sandbox.url, settings.gateway.public_url)
        self.prefect = settings.prefect.api_url.removesuffix("/api")
        self.files = wiring.files(settings)
        self.ticket: int = self.players.act("customer", "open_ticket", user_id=CUSTOMER)
        self.case = until(lambda: self.files.find(str(self.ticket)))[0].case_id

    @property
    def run(self) -> str:
        """The case's page in the Prefect UI."""
        return f"{self.prefect}/runs/flow-run/{self.case}"

    @property
    def story(self) -> str:
        """The page of the case's story in the Prefect UI."""
        return self.artifact(f"story-{self.case}")

    def artifact(self, key: str) -> str:
        """The page of an artifact in the Prefect UI."""
        wanted = {"artifacts": {"key": {"any_": [key]}}}
        (told,) = self.players.web.post(f"{self.prefect}/api/artifacts/filter", json=wanted).json()
        return f"{self.prefect}/artifacts/artifact/{told['id']}"

    def inbox_is_full(self) -> bool:
        """Whether the inbox, now in the browser, has a question of everybody."""
        self.page.goto(self.artifact("inbox"))
        self.page.get_by_text("Times are those of").wait_for()
        return self.page.get_by_text(f"{1 + len(OTHERS)} questions are open").count() > 0

    def waits(self, wait: str) -> None:
        """Until the case rests with this question."""
        open_ones = select(waits.c.wait).where(waits.c.case_id == self.case, waits.c.state == "open")

        def rests() -> bool:
            with self.files.reading() as connection:
                asked = list(connection.execute(open_ones).scalars())
            state = self.players.web.get(f"{self.prefect}/api/flow_runs/{self.case}").json()["state"]["name"]
            return asked == [wait] and state == "Suspended" and self.files.case(self.case).wanted_at is None

        until(rests)

    def take(self, name: str) -> None:
        """Keep what the browser shows."""
        self.page.evaluate("document.fonts.ready")
        self.page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


def main() -> None:
    """Play the case and take each picture when its moment comes."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        scene = Scene(browser.new_page(viewport=SIZE, color_scheme="light"))
        page = scene.page
        scene.waits("reason/1")
        scene.players.act("customer", "reply", ticket=scene.ticket, text="We are moving to another vendor.")
        scene.waits("approval/1")

        page.goto(scene.run)
        page.get_by_text("waiting:csm").first.wait_for()
        page.get_by_text("Logs").first.wait_for()
        scene.take("waiting-case")
        page.get_by_role("button", name="Resume").click()
        page.get_by_text("Your Code").wait_for()
        scene.take("approval-form")
        page.keyboard.press("Escape")
        page.goto(scene.story)
        page.get_by_text("Waiting for csm").wait_for()
        scene.take("story")
        for user in OTHERS:
            scene.players.act("customer", "open_ticket", user_id=user)
        until(scene.inbox_is_full)
        scene.take("inbox")

        asked = until(lambda: scene.players.asked(scene.ticket, CSM))
        page.goto(asked.link)
        scene.take("decision-page")
        scene.players.answer(asked.link, verdict="approve")
        scene.waits("deliverable/1")
        (task,) = scene.players.state()["asana"]["tasks"]
        place = {"bucket": "engineering-drop", "prefix": f"exports/{scene.case}/", "team_id": TEAM}
        scene.players.act("engineer", "place_deliverable", **place, size_bytes=DELIVERABLE_BYTES)
        scene.players.act("engineer", "complete", task=task)
        scene.waits("download/1")
        page.goto(until(lambda: scene.players.link(scene.ticket)))
        page.get_by_role("button", name="Send me the code").click()
        page.get_by_label("The six digits").fill(until(lambda: scene.players.mailed_code(CUSTOMER)))
        page.get_by_role("button", name="Open the download").click()
        page.get_by_role("heading", name="Download your data export").wait_for()
        scene.take("download-page")
        browser.close()


if __name__ == "__main__":
    main()
