"""The download in a real browser, over a line that breaks and from gateways that are killed."""

from __future__ import annotations

import hashlib
import random
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from sqlalchemy import select

from casework import clock, delivery, systems
from casework.clock import Minutes
from casework.delivery.certificate import verify
from casework.delivery.drop import S3Drop
from casework.delivery.evidence import CopyState
from casework.delivery.handover import seal_into
from casework.delivery.link import LinkState, SealedFile, link_events
from casework.delivery.package import Package
from casework.engine.simulated import Run
from casework.people import Role
from casework.process import process
from casework.sandbox import aws
from casework.step import case_id, step
from casework.systems.s3 import connect as connect_s3
from casework.wait import wait_for
from flows.handing_over_forms import Outcome, Receipt
from tasks import delivery as tasks
from tests.gateway.conftest import Place
from tests.gateway.line import Line
from tests.gateway.serving import served

CHROMIUM = Path("/usr/bin/chromium")
ROOT = Path(__file__).resolve().parents[2]
NARROW = "document.documentElement.scrollWidth <= 320"
# Headless browsers have no dialog to choose a place in.
NO_DIALOG = "window.showSaveFilePicker = undefined"
# Everything that a screen reader would say of the page, in order.
LISTEN = """
addEventListener("DOMContentLoaded", () => {
  window.said = [];
  const status = document.getElementById("status");
  if (status) new MutationObserver(() => window.said.push(status.textContent)).observe(status, {childList: true});
});
"""
DROP = "exports/browser/"
BROKE = "The connection broke. Nothing is lost"

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@step(repeatable=True)
def sealed(path: str) -> SealedFile:
    """As the export's own step does, of a file on this machine."""
    parts, case, file = delivery.current(), case_id(), Path(path)

    def blocks() -> Iterator[bytes]:
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                yield block

    return seal_into(
        parts.vaults["folder"],
        Package("export-1a2b.zip", file.stat().st_size, blocks),
        parts.keys,
        case_id=case,
        deliverable_id=case,
        ticket="4711",
        object_name=case,
    )


@process("browser-toy", subject="zendesk:ticket:{ticket}")
def browser_toy(ticket: int, path: str, prefix: str) -> str:
    """What a case does from the seal to the certificate, with the steps of the export."""
    link = tasks.open_link(sealed(path), clock.now() + timedelta(days=7))
    receipt = wait_for(
        Receipt,
        key="download",
        question=f"The customer of ticket {ticket} has a link.",
        who=Role(name="customer", people=(tasks.GATEWAY,)),
        within=Minutes(8 * 24 * 60),
        listens=f"link:{link}",
        look=lambda _: tasks.outcome(link),
    )
    received = receipt is not None and receipt.outcome is Outcome.RECEIVED
    tasks.destroy(prefix, "received" if received else "expired")
    return "delivered" if received else "expired"


class Gateways:
    """Gateway processes, one after the other, at the end of a line; each on a port of its own."""

    def __init__(self, place: Place, folder: Path, line: Line) -> None:
        self._place, self._folder, self._line = place, folder, line
        self._running: subprocess.Popen[bytes] | None = None
        self.log = folder / "gateway.log"
        self.down = threading.Event()
        self.kills = 0

    def start(self) -> None:
        self.down.clear()
        with socket.create_server(("127.0.0.1", 0)) as listening, self.log.open("ab") as log:
            place, descriptor = self._place, listening.fileno()
            told = [str(place.desk.database.url), str(self._folder), str(descriptor), self._line.address]
            self._running = subprocess.Popen(
                [sys.executable, "-m", "tests.gateway.serving", *told], pass_fds=[descriptor], cwd=ROOT, stderr=log
            )
            self._line.target = listening.getsockname()[1]

    def kill(self) -> None:
        """Kill -9 what runs now."""
        self._line.target = None
        self.kills += 1
        self.stop()
        self.down.set()

    def stop(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait(20)


def opened(place: Place, page: Page, address: str, token: str) -> None:
    """Go through the landing page as a customer does; the mailed code is made here."""
    page.goto(f"{address}/d/{token}")
    link = place.links.find(token)
    assert link is not None
    code = place.links.issue_code(link.link_id)
    assert isinstance(code, str)
    page.get_by_label("The six digits").fill(code)
    page.get_by_role("button", name="Open the download").click()
    page.get_by_role("heading", name="Download your data export").wait_for()


@pytest.fixture
def drop(place: Place, cloud: aws.Aws, monkeypatch: pytest.MonkeyPatch) -> S3Drop:
    """This process runs cases, on the place's parts and an S3 with a drop, in which engineering has put a file."""
    cloud.s3().put_object(Bucket=aws.DROP_BUCKET, Key=f"{DROP}export.csv", Body=b"what was to be delivered")
    keys = {"region": aws.REGION, "access_key": aws.ACCESS_KEY, "secret_key": aws.SECRET_KEY}
    ours = SimpleNamespace(s3=connect_s3(cloud.url, **keys))
    monkeypatch.setattr(systems, "_connected", ours)
    parts = replace(place.gateway.delivery, drop_bucket=aws.DROP_BUCKET)
    monkeypatch.setattr(delivery, "_connected", parts)
    return S3Drop(ours.s3, aws.DROP_BUCKET, DROP, now=place.desk.engine.now)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def happened(place: Place) -> list[str]:
    with place.desk.files.reading() as connection:
        return list(connection.execute(select(link_events.c.event).order_by(link_events.c.event_id)).scalars())


@pytest.mark.slow
@pytest.mark.parametrize(("megabytes", "cuts", "kills"), [(40, [8], [20]), (300, [40, 150, 250], [90, 200])])
def test_a_download_over_a_bad_line(
    place: Place,
    browser: Browser,
    drop: S3Drop,
    tmp_path: Path,
    megabytes: int,
    cuts: list[int],
    kills: list[int],
) -> None:
    """Chromium saves exactly the file while its line is cut and the gateway is killed with -9; then it is destroyed.

    One claim and one receipt are recorded, and the receipt lets the case go on: it destroys the key and every copy and
    has that certified, without anybody's doing. The same browser then finds nothing, and nowhere in the gateways' logs
    is the link.
    """
    chance, plain = random.Random(13), tmp_path / "plain"
    with plain.open("wb") as file:
        for _ in range(megabytes):
            file.write(chance.randbytes(1_000_000))
    run = place.desk.start("browser-toy", ticket=4711, path=str(plain), prefix=DROP)
    link = place.links.of_deliverable(run.case_id)
    assert link is not None
    assert link.file.plain_sha256 == digest(plain)
    assert (place.desk.waiting(run), drop.look().state) == (["download/1"], CopyState.BLOCKED)
    token = place.links.token(link.link_id)
    line: Line
    gateways: Gateways
    mishaps = [(at * 1_000_000, lambda: line.cut()) for at in cuts]
    mishaps += [(at * 1_000_000, lambda: gateways.kill()) for at in kills]
    context = browser.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.add_init_script(NO_DIALOG + LISTEN)
    elsewhere: list[str] = []
    with Line(sorted(mishaps, key=lambda mishap: mishap[0])) as line, ExitStack() as stack:
        page.on("request", lambda request: elsewhere.append(request.url))
        gateways = Gateways(place, tmp_path, line)
        stack.callback(gateways.stop)
        stack.callback(context.close)
        gateways.start()
        opened(place, page, line.address, token)
        with page.expect_download(timeout=180_000) as download:
            page.get_by_role("button", name="Download export").click()
            for _ in kills:
                assert gateways.down.wait(60)
                page.get_by_text(BROKE).wait_for()
                assert page.evaluate(NARROW)
                gateways.start()
        page.get_by_text("Downloaded and checked").wait_for()
        assert digest(download.value.path()) == link.file.plain_sha256
        assert (line.cuts, gateways.kills) == (len(cuts), len(kills))
        said = page.evaluate("window.said")
        assert said.count("The connection is back.") >= len(kills)
        assert place.links.get(link.link_id).state is LinkState.RECEIVED
        assert place.gateway.delivery.keys.destroyed_at(run.case_id) is None

        place.desk.advance(seconds=1)
        assert_nothing_left(place, run, drop)
        page.reload()
        page.get_by_role("heading", name="There is no download here").wait_for()
    story = happened(place)
    assert (story.count("claimed"), story.count("received")) == (1, 1)
    assert story[-2:] == ["received", "destroyed"]
    assert {url.split("/")[2] for url in elsewhere if not url.startswith(("data:", "blob:"))} == {line.address[7:]}
    log = gateways.log.read_text()
    assert "GET /d/{token}/file 206" in log
    assert token not in log


def assert_nothing_left(place: Place, run: Run, drop: S3Drop) -> None:
    """The case has ended by itself: no key, no copy, and a certificate that is right."""
    parts = place.gateway.delivery
    assert (place.desk.ending(run), place.desk.waiting(run)) == ("delivered", [])
    assert parts.keys.destroyed_at(run.case_id) is not None
    assert list(place.vault.folder.iterdir()) == []
    assert drop.look().state is CopyState.ABSENT
    proved = verify(parts.certificates.read(run.case_id), parts.signer.public_key).certificate
    assert (proved.outcome, proved.result) == ("received", "destroyed")


def test_what_a_person_sees_meanwhile(place: Place, browser: Browser) -> None:
    """By keyboard on a 320 px screen: a named bar with speed and time left, and the button keeps the focus.

    When it is done the page says what happens now, and the file can be saved again, which asks the gateway nothing.
    """
    link, token = place.file(random.Random(6).randbytes(30_000_000))
    context = browser.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.add_init_script(NO_DIALOG)
    slow = {"offline": False, "latency": 0, "downloadThroughput": 8e6, "uploadThroughput": 8e6}
    with served(place) as url:
        opened(place, page, url, token)
        for shown in ("export-1a2b.zip", "30.0 MB", link.file.plain_sha256, "9 March 2026", "we destroy the export"):
            assert shown in page.locator("main").inner_text()
        wire = context.new_cdp_session(page)
        wire.send("Network.enable")
        wire.send("Network.emulateNetworkConditions", slow)
        page.locator("#start").focus()
        with page.expect_download() as download:
            page.keyboard.press("Enter")
            page.get_by_text(re.compile(r"^\d+ % at \d+\.\d MB/s, about \d+ seconds left$")).wait_for()
            bar = page.get_by_role("progressbar", name="Downloaded")
            assert 0 < float(bar.evaluate("bar => bar.value")) < 100
            assert re.search(r"MB/s", bar.get_attribute("aria-valuetext") or "")
            assert page.evaluate("document.activeElement.id") == "start"
            assert page.get_by_role("button", name="Downloading", disabled=True).count() == 1
            assert page.evaluate(NARROW)
        assert digest(download.value.path()) == link.file.plain_sha256
        said = page.get_by_role("status")
        expect(said).to_contain_text("We now destroy the export on our side")
        assert "Once it has arrived" not in page.locator("main").inner_text()
        assert page.evaluate(NARROW)
        assert place.links.get(link.link_id).state is LinkState.RECEIVED
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        assert digest(download.value.path()) == link.file.plain_sha256
        assert [address for address in asked if not address.startswith("blob:")] == []
        context.close()


def test_somebody_between_us_leaves_ranges_out(place: Place, browser: Browser) -> None:
    """A proxy that takes the ranges out of the requests makes it one long answer, and the file is as right."""
    link, token = place.file(random.Random(8).randbytes(20_000_000))
    page = browser.new_page()
    page.add_init_script(NO_DIALOG)

    def without(route: Route) -> None:
        kept = {name: value for name, value in route.request.headers.items() if name not in ("range", "if-range")}
        route.continue_(headers=kept)

    page.route("**/file", without)
    with served(place) as url:
        opened(place, page, url, token)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download export").click()
        page.get_by_text("Downloaded and checked").wait_for()
        assert digest(download.value.path()) == link.file.plain_sha256
        page.close()
    assert place.links.get(link.link_id).bytes_sent == link.file.plain_size
    assert place.links.get(link.link_id).state is LinkState.RECEIVED


def test_a_device_without_room(place: Place, browser: Browser) -> None:
    """When the file cannot be written the page says that, nothing is acknowledged, and the next press may work."""
    link, token = place.file(random.Random(9).randbytes(1_000_000))
    page = browser.new_page()
    page.add_init_script("""
        let full = true;
        window.showSaveFilePicker = async () => ({createWritable: async () => ({
          write: async () => { if (full) { full = false; throw new DOMException("full", "QuotaExceededError"); } },
          close: async () => {}, abort: async () => {},
        })});
    """)
    with served(place) as url:
        opened(place, page, url, token)
        page.get_by_role("button", name="Download export").click()
        page.get_by_text("could not be written on this device").wait_for()
        assert place.links.get(link.link_id).acknowledged == ()
        page.get_by_role("button", name="Download export").click()
        page.get_by_text("Downloaded and checked").wait_for()
        page.close()
    assert place.links.get(link.link_id).state is LinkState.RECEIVED


def test_a_place_that_the_person_chose(place: Place, browser: Browser) -> None:
    """Where a browser can write into a chosen file, the bytes go there as they come, and it is closed before the end.

    Headless there is no dialog; in its place stands a file of the browser's own, with the same interface.
    """
    content = random.Random(5).randbytes(20_000_000)
    link, token = place.file(content)
    page = browser.new_page()
    page.add_init_script("""
        window.showSaveFilePicker = async ({suggestedName}) => {
          const folder = await navigator.storage.getDirectory();
          return (window.chosen = await folder.getFileHandle(suggestedName, {create: true}));
        };
    """)
    with served(place) as url:
        opened(place, page, url, token)
        page.get_by_role("button", name="Download export").click()
        page.get_by_text("Downloaded and checked").wait_for()
        saved = page.evaluate("""async () => {
            const bytes = await (await window.chosen.getFile()).arrayBuffer();
            const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
            return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
        }""")
        assert page.get_by_role("button").count() == 0
        page.close()
    assert saved == link.file.plain_sha256
    assert place.links.get(link.link_id).state is LinkState.RECEIVED
