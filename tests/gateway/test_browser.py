"""The pages in a real browser, where one is installed: on a small screen, with and without scripts, by keyboard."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Response, ViewportSize, sync_playwright

from casework.answer import Accepted, Offer, answer
from casework.authority import delegate, revoke
from casework.case import Kind
from casework.clock import Minutes
from casework.delivery.links import LinkState
from casework.engine.simulated import Run
from casework.gateway.pages import markdown
from casework.people import Identity, Invitation, Person, Role
from casework.process import process
from casework.steering import hand_over
from casework.wait import wait_for
from tests.desk import SECRET
from tests.gateway.conftest import ANA, BEN, Approval, Place
from tests.gateway.serving import served

CHROMIUM = Path("/usr/bin/chromium")
CONTENT = random.Random(13).randbytes(12_000_000)
PROBLEMS = (Path(__file__).parent / "accessible.js").read_text()
CAM, DEE = Person(id="staff-9"), Person(id="staff-10")
WIDE = "a-file-with-a-name-that-is-much-wider-than-the-screen-of-any-telephone.zip"
QUESTION = f"""# Shall it be done?

It is about [ticket 4711](https://support.example/agent/tickets/4711) and `{WIDE}`:

> {WIDE}

```
{WIDE} {WIDE}
```
"""

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed on this machine")


@process("page-toy", subject="zendesk:ticket:{ticket}")
def page_toy(ticket: int) -> str:
    """Ask two people and one who took part before."""
    who = Role(name="csm", people=(ANA, BEN, CAM))
    verdict = wait_for(Approval, key="approval", question=QUESTION, who=who, within=Minutes(60), not_by=[CAM.id])
    return verdict.verdict.value if verdict else "expired"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def phone(browser: Browser, scripts: bool = True) -> Iterator[Page]:
    """A page on a screen of 320 px: light and with scripts, or dark and without."""
    screen: ViewportSize = {"width": 320, "height": 640}
    scheme: Literal["light", "dark"] = "light" if scripts else "dark"
    context = browser.new_context(java_script_enabled=scripts, viewport=screen, color_scheme=scheme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    # A page that is not there is an error to the browser, and no fault of the page.
    assert [said for said in complaints if not said.startswith("Failed to load resource")] == []


def problems(page: Page) -> list[str]:
    """What keeps people from using this page."""
    found: list[str] = page.evaluate(PROBLEMS)
    return found


# -- downloads


def claim(place: Place, page: Page, address: str) -> None:
    """Go through the landing page as a customer does."""
    page.goto(address)
    assert problems(page) == []
    page.get_by_role("button", name="Send me the code").click()
    page.get_by_label("The six digits").fill(place.codes[-1][1])
    page.get_by_role("button", name="Open the download").click()
    page.get_by_role("heading", name="Download your data export").wait_for()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_customer_downloads(place: Place, browser: Browser, scripts: bool) -> None:
    """On a 320 px screen, with the page's script and without any, the browser saves exactly the file."""
    link, token = place.file(CONTENT)
    with served(place) as url, phone(browser, scripts) as page:
        # Headless browsers have no dialog to choose a place in; the other way of saving is taken.
        page.add_init_script("window.showSaveFilePicker = undefined")
        claim(place, page, f"{url}/d/{token}")
        assert problems(page) == []
        with page.expect_download() as download:
            page.locator("#start" if scripts else "#plain").click()
        saved = download.value.path().read_bytes()
        if scripts:
            page.get_by_text("Downloaded and checked").wait_for()
    assert hashlib.sha256(saved).hexdigest() == link.file.plain_sha256
    assert place.links.get(link.link_id).state is (LinkState.RECEIVED if scripts else LinkState.CLAIMED)


# -- decisions: what each link shows


def token(run: Run, person: Person = ANA, wait: str = "approval/1", secret: bytes = SECRET) -> str:
    return Invitation(case_id=run.case_id, wait=wait, person=person).token(secret)


def decided(place: Place, run: Run, by: Person = ANA) -> None:
    """Somebody has answered."""
    identity = Identity(kind="person", value=by.id)
    assert isinstance(answer(Offer(run.case_id, "approval/1", {"verdict": "approve"}, "link", identity)), Accepted)


def expired(place: Place, run: Run) -> None:
    """The deadline is over."""
    place.desk.advance(hours=2)


def ended(place: Place, run: Run) -> None:
    """The case was called off."""
    assert place.desk.files.ask_to_cancel(run.case_id, "staff-1", "not needed")
    place.desk.settle()
    assert place.desk.ending(run)


def handed_over(place: Place, run: Run) -> None:
    """The question was put to somebody else."""
    hand_over(run.case_id, "approval/1", away_from=ANA.id, to=DEE, by=ANA.id, reason="on leave")


def handed_over_and_decided(place: Place, run: Run) -> None:
    """The question was put to somebody else, who has answered."""
    handed_over(place, run)
    decided(place, run, DEE)


def stood_in(place: Place, run: Run) -> None:
    """Somebody stood in for who was asked, until a moment ago."""
    now = place.desk.engine.now()
    with place.desk.files.writing() as connection:
        assert revoke(connection, delegate(connection, ANA.id, DEE, now, now + timedelta(days=1), "staff-1", now), now)


def open_still(place: Place, run: Run) -> None:
    """Nothing has happened yet."""


@dataclass(frozen=True)
class Shown:
    """What a link shows once something has happened."""

    happened: Callable[[Place, Run], None]
    link: Callable[[Run], str]
    status: int
    heading: str
    sentence: str


def cut(run: Run) -> str:
    return token(run)[:-3]


def changed(run: Run) -> str:
    """What one person's link says, under another's signature."""
    return f"{token(run, BEN).rpartition('.')[0]}.{token(run).rpartition('.')[2]}"


def foreign(run: Run) -> str:
    return token(run, secret=b"the secret of another deployment")


ASKED, SETTLED = "Your decision is asked for", "This question is settled"
NOT_YOURS_TO_ANSWER = "You cannot answer this question"
BAD, ALTERED = "This link does not work", "This link is not complete or was changed. Open it from the message again."
BY = "It was already decided by {} on Monday, 2 March 2026, 09:00 (UTC)."
LINKS = {
    "valid": Shown(open_still, token, 200, ASKED, "csm (staff-7)"),
    "second use": Shown(decided, token, 410, SETTLED, BY.format("you")),
    "after another": Shown(decided, lambda run: token(run, BEN), 410, SETTLED, BY.format("staff-7")),
    "after a hand-over": Shown(handed_over_and_decided, token, 410, SETTLED, BY.format("staff-10")),
    "expired": Shown(expired, token, 410, SETTLED, "The time to answer passed on Monday, 2 March 2026, 10:00 (UTC)"),
    "withdrawn": Shown(ended, token, 410, SETTLED, "The request that it was about has ended."),
    "cut": Shown(open_still, cut, 400, BAD, ALTERED),
    "changed": Shown(open_still, changed, 400, BAD, ALTERED),
    "of another deployment": Shown(open_still, foreign, 400, BAD, ALTERED),
    "of no question": Shown(
        open_still, lambda run: token(run, wait="x/1"), 404, "This question is not known", "no such"
    ),
}


@pytest.mark.parametrize("shown", LINKS.values(), ids=LINKS)
def test_what_a_link_shows(place: Place, browser: Browser, shown: Shown) -> None:
    """Each link says in a heading and a sentence what it is good for, and everybody can use its page.

    Looking answers nothing, however it is looked.
    """
    run = place.desk.start("page-toy", ticket=4711)
    shown.happened(place, run)
    before = len(place.desk.entries(run))
    with served(place) as url:
        for scripts in (True, False):
            with phone(browser, scripts) as page:
                told = page.goto(f"{url}/decide/{shown.link(run)}")
                assert told is not None
                assert told.status == shown.status
                assert page.get_by_role("heading", level=1).inner_text() == shown.heading
                assert shown.sentence in page.get_by_role("main").inner_text()
                assert page.get_by_role("button").count() == (shown.status == 200)
                assert problems(page) == []
    assert len(place.desk.entries(run)) == before


@pytest.mark.parametrize("link", [cut, changed, foreign])
def test_a_bad_link_reveals_nothing(place: Place, browser: Browser, link: Callable[[Run], str]) -> None:
    """A link that we did not sign says the same in every state of the question, and nothing about it."""
    run = place.desk.start("page-toy", ticket=4711)
    told: set[tuple[int, str]] = set()
    with served(place) as url, phone(browser) as page:
        for happens in (open_still, decided, ended):
            happens(place, run)
            response = page.goto(f"{url}/decide/{link(run)}")
            assert response is not None
            told.add((response.status, page.content()))
            assert "set-cookie" not in response.all_headers()
    ((status, text),) = told
    assert status == 400
    for secret in (run.case_id, "approval", "csm", "staff-", "4711", "decided", "ended", WIDE, "/decide/"):
        assert secret not in text, secret


def test_a_question_leads_to_web_addresses_only() -> None:
    """Of a question's links those with a web address are links; others stay text."""
    shown = markdown(
        "[a](https://a.example/) [b](/d/x) [c](mailto:c@c.example) [d](javascript:x) [e](HTTP://e.example)"
    )
    assert re.findall('href="([^"]*)"', shown) == ["https://a.example/", "HTTP://e.example"]


# -- decisions: what is sent


def tab_to(page: Page, role: Literal["button", "link", "radio", "textbox", "checkbox"], name: str) -> None:
    """Go on by the Tab key until this has the focus, which is seen at each stop."""
    wanted = page.get_by_role(role, name=name)
    for _ in range(12):
        page.keyboard.press("Tab")
        assert problems(page) == []
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"the Tab key does not lead to {role} {name}")


def send(page: Page, verdict: str, reason: str | None) -> Response:
    """Fill in the form and send it, by keyboard alone."""
    # Of a group of radio buttons without a choice, Tab leads to the first; the arrows choose.
    if page.get_by_role("radio", checked=True).count() == 0:
        tab_to(page, "radio", "approve")
        page.keyboard.press("Space" if verdict == "approve" else "ArrowDown")
    assert page.get_by_role("radio", name=verdict).is_checked()
    if reason is not None:
        tab_to(page, "textbox", "Reason")
        page.keyboard.type(reason)
    tab_to(page, "button", "Send my answer")
    with page.expect_navigation() as arrived:
        page.keyboard.press("Enter")
    assert problems(page) == []
    return arrived.value


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize(("verdict", "reason"), [("approve", None), ("deny", "not theirs")])
def test_a_decision_by_keyboard(
    place: Place, browser: Browser, scripts: bool, verdict: str, reason: str | None
) -> None:
    """With the keyboard alone, with scripts and without, a person agrees, or denies with a reason."""
    run = place.desk.start("page-toy", ticket=4711)
    with served(place) as url, phone(browser, scripts) as page:
        page.goto(f"{url}/decide/{token(run)}")
        assert send(page, verdict, reason).status == 200
        assert page.get_by_role("heading", level=1).inner_text() == "Your answer is recorded"
        page.goto(f"{url}/decide/{token(run)}")
        assert page.get_by_role("heading", level=1).inner_text() == SETTLED
    place.desk.settle()
    assert place.desk.ending(run) == verdict
    (entry,) = place.desk.entries(run, Kind.DECIDED)
    assert (entry.actor, entry.payload["channel"], entry.payload["verified"]) == (ANA.id, "link", True)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_problem_is_announced(place: Place, browser: Browser, scripts: bool) -> None:
    """A *no* without a reason comes back with the focus on the problem, which names the field and leads to it."""
    run = place.desk.start("page-toy", ticket=4711)
    with served(place) as url, phone(browser, scripts) as page:
        page.goto(f"{url}/decide/{token(run)}")
        assert send(page, "deny", None).status == 422
        assert page.title().startswith("Not recorded: ")
        alert, field = page.get_by_role("alert"), page.get_by_label("Reason")
        assert "say why you deny it" in alert.inner_text()
        assert alert.evaluate("element => element === document.activeElement")
        assert field.get_attribute("aria-invalid") == "true"
        assert "problem" in (field.get_attribute("aria-describedby") or "").split()
        tab_to(page, "link", "Go to “Reason”")
        page.keyboard.press("Enter")
        assert field.evaluate("element => element === document.activeElement")
        page.keyboard.type("not theirs")
        assert send(page, "deny", None).status == 200
    place.desk.settle()
    assert place.desk.ending(run) == "deny"


NOT_YOURS = "this question was put to somebody else"
FOUR_EYES = "somebody else has to decide this, because you took part in it before"
SENT = {
    "handed over": (handed_over, ANA, NOT_YOURS),
    "a delegation that ended": (stood_in, DEE, NOT_YOURS),
    "four eyes": (open_still, CAM, FOUR_EYES),
}


@pytest.mark.parametrize(("happened", "person", "sentence"), SENT.values(), ids=SENT)
def test_who_may_not_answer_is_told(
    place: Place, browser: Browser, happened: Callable[[Place, Run], None], person: Person, sentence: str
) -> None:
    """Somebody who was asked and has no right to answer any more is told why at once, without a form to fill in."""
    run = place.desk.start("page-toy", ticket=4711)
    happened(place, run)
    with served(place) as url:
        for scripts in (True, False):
            with phone(browser, scripts) as page:
                opened = page.goto(f"{url}/decide/{token(run, person)}")
                assert opened is not None
                assert opened.status == 403
                assert page.get_by_role("heading", level=1).inner_text() == NOT_YOURS_TO_ANSWER
                assert sentence in page.get_by_role("main").inner_text()
                assert page.get_by_role("button").count() == 0
    assert place.desk.entries(run, Kind.ANSWER_OFFERED) == []
    assert place.desk.waiting(run) == ["approval/1"]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_form_opened_before_the_hand_over(place: Place, browser: Browser, scripts: bool) -> None:
    """What is sent by somebody from whom the question was taken meanwhile is refused, told and recorded."""
    run = place.desk.start("page-toy", ticket=4711)
    with served(place) as url, phone(browser, scripts) as page:
        page.goto(f"{url}/decide/{token(run, ANA)}")
        handed_over(place, run)
        assert send(page, "approve", None).status == 403
        assert NOT_YOURS in page.get_by_role("main").inner_text()
    assert [entry.payload["why"] for entry in place.desk.entries(run, Kind.ANSWER_REFUSED)] == ["not_yours"]
    assert place.desk.waiting(run) == ["approval/1"]


@pytest.mark.parametrize(
    ("happens", "sentence"),
    [
        (lambda place, run: decided(place, run, BEN), BY.format("staff-8")),
        (expired, "The time to answer passed on Monday, 2 March 2026, 10:00 (UTC)"),
        (ended, "The request that it was about has ended."),
    ],
    ids=["decided", "expired", "withdrawn"],
)
def test_a_form_that_was_open_too_long(
    place: Place, browser: Browser, happens: Callable[[Place, Run], None], sentence: str
) -> None:
    """What is sent after the question was settled changes nothing, and the page says how it was settled."""
    run = place.desk.start("page-toy", ticket=4711)
    with served(place) as url, phone(browser) as page:
        page.goto(f"{url}/decide/{token(run)}")
        happens(place, run)
        assert send(page, "deny", "too late").status == 410
        assert sentence in page.get_by_role("main").inner_text()
    place.desk.settle()
    assert place.desk.ending(run) != "deny"


# -- the checks themselves

RIGHT = """<!doctype html><html lang="en"><title>A page</title><style>
:focus { outline: 3px solid #00f } input, button { min-width: 44px; min-height: 44px; border: 1px solid #555 }</style>
<main><h1>A page</h1><label for="a">A</label><input id="a"><button>Go</button></main></html>"""
WRONG = {
    "language": (' lang="en"', "", "does not say its language"),
    "title": ("<title>A page</title>", "", "has no title"),
    "headings": ("</h1>", "</h1><h1>Another</h1>", "has 2 first headings"),
    "order": ("</h1>", "</h1><h3>Deep</h3>", "level 3 follows one of level 1"),
    "label": ('<label for="a">A</label>', "", "has no label"),
    "legend": ("<input", "<fieldset>", "has no legend"),
    "description": ("<input", '<input aria-describedby="b"', "is described by b"),
    "error": ("<input", '<input aria-invalid="true"', "no announced problem"),
    "contrast": ("<h1>", '<h1 style="color: #777">', "has a contrast of 4.48"),
    "border": ("#555", "#aaa", "the border of <input> a"),
    "focus": (
        "<button>",
        "<style>:focus { outline: none }</style><button autofocus>",
        "the focus on <button> Go is not seen",
    ),
    "size": ("<button>", '<button style="min-height: 43px; height: 43px">', "is 44 by 43"),
    "width": ("<h1>", '<h1 style="width: 400px">', "goes beyond the screen"),
    "twice": ("</main>", '<p id="a">.</p></main>', "the id a is there twice"),
}


@pytest.mark.parametrize(("old", "new", "told"), WRONG.values(), ids=WRONG)
def test_the_checks_find_what_is_wrong(browser: Browser, old: str, new: str, told: str) -> None:
    """Each thing that would keep somebody from using a page is found in one that has it, and nothing in one without."""
    with phone(browser) as page:
        page.set_content(RIGHT)
        assert problems(page) == []
        assert old in RIGHT
        page.set_content(RIGHT.replace(old, new))
        if "autofocus" in new:
            page.locator(":focus").wait_for()
        assert any(told in problem for problem in problems(page)), problems(page)
