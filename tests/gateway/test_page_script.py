"""The download page's script and a real server: pieces, breaks, wrong bytes, readers that go away."""

from __future__ import annotations

import hashlib
import json
import random
import re
import subprocess
import time
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright._impl._driver import compute_driver_executable

from casework.delivery.links import LinkState
from casework.gateway import pages
from tests.gateway.conftest import Place
from tests.gateway.serving import served

FOLDER = Path(pages.__file__).parent
NODE = compute_driver_executable()[0]
CONTENT = random.Random(11).randbytes(40_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def node(program: list[str], given: str = "") -> str:
    done = subprocess.run([NODE, *program], input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def opened(place: Place, url: str) -> tuple[str, httpx.Client, dict[str, str]]:
    """A claimed link on the served gateway: its id, the browser, and the data of its page."""
    link, token = place.file(CONTENT)
    browser = httpx.Client(base_url=url, headers={"Origin": url}, timeout=60)
    csrf = place.csrf(browser.get(f"/d/{token}"))
    browser.post(f"/d/{token}/code", data={"csrf": csrf})
    won = browser.post(f"/d/{token}/claim", data={"csrf": csrf, "code": place.codes[-1][1]})
    assert won.status_code == 303
    page = browser.get(f"/d/{token}").text
    found = re.findall(r'data-([a-z0-9]+)="([^"]*)"', page)
    return link.link_id, browser, {name: unescape(value) for name, value in found}


def run_page(
    url: str, browser: httpx.Client, data: dict[str, str], breaks: int = 0, corrupt: bool = False
) -> dict[str, Any]:
    source = (FOLDER / "sha256.js").read_text() + (FOLDER / "download.js").read_text()
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    given: dict[str, Any] = {"url": url, "cookie": cookie, "data": data, "source": source}
    given |= {"breaks": breaks, "corrupt": corrupt}
    told: dict[str, Any] = json.loads(node([str(Path(__file__).with_name("page.mjs"))], json.dumps(given)))
    return told


def test_the_hash_is_sha_256() -> None:
    """The script's streaming SHA-256 agrees with Python's, whatever the length and the pieces."""
    lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 100_003]
    program = (FOLDER / "sha256.js").read_text() + (
        f"for (const n of {lengths}) {{"
        " const bytes = Uint8Array.from({length: n}, (_, i) => (i * 7) & 255);"
        " const hash = new Sha256(); for (let at = 0, step = 1; at < n; at += step++)"
        " hash.update(bytes.subarray(at, at + step)); console.log(hash.hex()); }"
    )
    expected = [hashlib.sha256(bytes(i * 7 & 255 for i in range(n))).hexdigest() for n in lengths]
    assert node(["-e", program]).split() == expected


@pytest.mark.parametrize("breaks", [0, 2])
def test_the_script_downloads_and_says_so(place: Place, breaks: int) -> None:
    """The script saves exactly the file, over broken connections too; its last word ends the link."""
    with served(place) as url:
        link_id, browser, data = opened(place, url)
        told = run_page(url, browser, data, breaks)
        assert told["sha256"] == DIGEST
        assert told["saved"] == 1
        assert told["plain"] is True
        assert told["bar"] == 100
        assert "Downloaded and checked" in told["status"]
        assert place.links.get(link_id).state is LinkState.RECEIVED
        browser.close()


def test_wrong_bytes_are_not_acknowledged(place: Place) -> None:
    """When one bit of what arrived is wrong, the script saves nothing, says so, and the link stays."""
    with served(place) as url:
        link_id, browser, data = opened(place, url)
        told = run_page(url, browser, data, corrupt=True)
        assert told["saved"] == 0
        assert "not the file that we sent" in told["status"]
        assert place.links.get(link_id).state is LinkState.CLAIMED
        browser.close()


def test_a_reader_that_goes_away(place: Place) -> None:
    """When the reader hangs up, the stream ends, nothing counts as sent, and the same browser goes on."""
    with served(place) as url:
        link_id, browser, data = opened(place, url)
        with browser.stream("GET", data["file"]) as answer:
            begun = next(answer.iter_bytes(100_000))
        deadline = time.monotonic() + 10
        count = -1
        while count != (count := place.links.get(link_id).bytes_sent):
            assert time.monotonic() < deadline, "bytes are still being sent"
            time.sleep(0.2)
        stopped = place.links.get(link_id)
        assert stopped.grace_ends_at is None
        # What was counted is what was handed to the network: no more than a few blocks ahead of the reader.
        assert len(begun) <= stopped.bytes_sent < len(CONTENT)
        rest = browser.get(data["file"], headers={"Range": f"bytes={len(begun)}-"})
        assert begun + rest.content == CONTENT
        browser.close()
