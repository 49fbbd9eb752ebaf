"""The decision page: one person, one question, one answer; looking changes nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from enum import IntEnum

import httpx
import pytest
from sqlalchemy import func, select

from casework.answer import Form, Offer, answer, forms
from casework.authority import delegate
from casework.case import Kind
from casework.engine.simulated import Run
from casework.gateway.questions import fields, values
from casework.people import Identity
from casework.schema import entries, texts
from tests.gateway.conftest import ANA, BEN, OURS, Approval, Place, look


def post(place: Place, token: str, headers: dict[str, str] | None = None, **typed: str) -> httpx.Response:
    """Send the form of somebody's decision page."""
    page = place.client.get(f"/decide/{token}")
    csrf = place.csrf(page) if "csrf" in page.text else ""
    answer: httpx.Response = place.client.post(
        f"/decide/{token}", data={"csrf": csrf} | typed, headers=OURS if headers is None else headers
    )
    return answer


def test_a_valid_answer_settles_the_question(place: Place) -> None:
    """The person's link shows the question; sending the form decides it, with a verified identity."""
    run = place.start()
    token = place.token(run)
    page = place.client.get(f"/decide/{token}")
    assert page.status_code == 200
    assert "csm (staff-7)" in page.text
    assert "Monday, 2 March 2026, 10:00 (UTC)" in page.text
    done = post(place, token, verdict="approve")
    assert (done.status_code, "Your answer is recorded" in done.text) == (200, True)
    place.desk.settle()
    assert place.desk.ending(run) == "approve"
    (decided,) = place.desk.entries(run, Kind.DECIDED)
    assert decided.actor == "staff-7"
    assert (decided.payload["channel"], decided.payload["verified"]) == ("link", True)


def test_the_page_is_made_of_the_form(place: Place) -> None:
    """Enums are radio buttons of which none is chosen, texts text areas, flags boxes, all labelled."""
    text = place.client.get(f"/decide/{place.token(place.start())}").text
    assert text.count('type="radio"') == 2
    assert "checked" not in text
    assert '<textarea rows="4" id="field-reason" name="reason" maxlength="4000"' in text
    assert '<label for="field-reason">Reason</label>' in text
    assert "Verdict (required)" in text
    assert 'type="checkbox" name="urgent"' in text
    assert '<html lang="en">' in text
    assert "<title>Your decision is asked for</title>" in text


def test_the_question_is_rendered_safely(place: Place) -> None:
    """Markdown becomes HTML; raw HTML stays text, and a link leads to no script."""
    text = place.client.get(f"/decide/{place.token(place.start())}").text
    assert "<strong>Agree?</strong>" in text
    assert "<blockquote>" in text
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert 'href="javascript' not in text


def test_a_settled_question_whose_form_is_gone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old link says how it was settled by a release that has not its form any more; an open one cannot be shown."""
    run, other = place.start(), place.start(4712)
    token = place.token(run)
    post(place, token, verdict="approve")
    monkeypatch.delitem(forms, Approval.form_name())
    late = place.client.get(f"/decide/{token}")
    assert (late.status_code, "already decided by you" in late.text) == (410, True)
    still_open = place.client.get(f"/decide/{place.token(other)}")
    assert (still_open.status_code, "does not have the form" in still_open.text) == (503, True)


def test_second_use(place: Place) -> None:
    """After the decision the same link, read or posted, says who decided and when; nothing changes."""
    run = place.start()
    token = place.token(run)
    csrf = place.csrf(place.client.get(f"/decide/{token}"))
    post(place, token, verdict="approve")
    typed = {"csrf": csrf, "verdict": "deny", "reason": "changed my mind"}
    for again in (
        place.client.get(f"/decide/{token}"),
        place.client.post(f"/decide/{token}", data=typed, headers=OURS),
    ):
        assert again.status_code == 410
        assert "already decided by you on Monday, 2 March 2026, 09:00 (UTC)" in again.text
    assert len(place.desk.entries(run, Kind.DECIDED)) == 1


def test_decided_by_somebody_else(place: Place) -> None:
    """Whoever comes second, from another channel, reads by whom and when it was decided."""
    run = place.start()
    answer(
        Offer(
            run.case_id,
            "approval/1",
            {"verdict": "approve"},
            "slack",
            Identity(kind="slack", value="U00000007"),
        )
    )
    text = place.client.get(f"/decide/{place.token(run, BEN)}").text
    assert "already decided by staff-7 on Monday, 2 March 2026, 09:00 (UTC)" in text


def test_decided_by_a_delegate(place: Place) -> None:
    """Whoever was stood in for reads who decided in their place; the delegate reads that it was they."""
    run = place.start()
    now = place.desk.engine.now()
    with place.desk.files.writing() as connection:
        delegate(connection, ANA.id, BEN, now, now + timedelta(days=1), "staff-1", now)
    assert post(place, place.token(run, BEN), verdict="approve").status_code == 200
    asked = place.client.get(f"/decide/{place.token(run)}").text
    assert "already decided by staff-8 in your place on Monday" in asked
    stood_in = place.client.get(f"/decide/{place.token(run, BEN)}").text
    assert "already decided by you in place of staff-7 on Monday" in stood_in


def test_decided_while_the_form_was_open(place: Place) -> None:
    """A form that was opened before the decision and sent after it is told the decision."""
    run = place.start()
    token = place.token(run)
    csrf = place.csrf(place.client.get(f"/decide/{token}"))
    answer(
        Offer(
            run.case_id,
            "approval/1",
            {"verdict": "approve"},
            "slack",
            Identity(kind="slack", value="U00000007"),
        )
    )
    late = place.client.post(f"/decide/{token}", data={"csrf": csrf, "verdict": "deny", "reason": "x"}, headers=OURS)
    assert (late.status_code, "already decided by you" in late.text) == (410, True)


def test_another_persons_token(place: Place) -> None:
    """A link signed for somebody who was not asked shows why it cannot answer, and no form; an attempt is recorded."""
    run = place.start()
    token = place.token(run, BEN)
    shown = place.client.get(f"/decide/{token}")
    assert (shown.status_code, "put to somebody else" in shown.text, "<form" in shown.text) == (403, True, False)
    assert place.desk.entries(run, Kind.ANSWER_OFFERED) == []
    typed = {"csrf": place.gateway_csrf(token), "verdict": "approve"}
    assert place.client.post(f"/decide/{token}", data=typed, headers=OURS).status_code == 403
    assert [e.payload["why"] for e in place.desk.entries(run, Kind.ANSWER_REFUSED)] == ["not_yours"]
    assert place.desk.waiting(run) == ["approval/1"]


def test_expired(place: Place) -> None:
    """After the deadline the page says that the time has passed, before and after the clock noticed."""
    run = place.start()
    token = place.token(run)
    csrf = place.csrf(place.client.get(f"/decide/{token}"))
    place.desk.engine.sleep(3600)
    pages = [place.client.get(f"/decide/{token}")]
    place.desk.settle()
    assert place.desk.ending(run) == "expired"
    pages.append(place.client.post(f"/decide/{token}", data={"csrf": csrf, "verdict": "approve"}, headers=OURS))
    for page in pages:
        assert (page.status_code, "The time to answer passed on Monday, 2 March 2026, 10:00 (UTC)" in page.text) == (
            410,
            True,
        )


def test_altered_and_unknown_tokens(place: Place) -> None:
    """A changed or cut token is 400, a signed one for an unknown question 404; both speak."""
    run = place.start()
    token = place.token(run)
    for changed in (token[:-1], token + "x", "x", token.replace(token[5], "_" if token[5] != "_" else "-")):
        for answer_ in (place.client.get(f"/decide/{changed}"), post(place, changed, verdict="approve")):
            assert answer_.status_code in (400, 403), changed
            assert "<main>" in answer_.text
    assert place.client.get(f"/decide/{place.token(run, wait='other/1')}").status_code == 404
    assert place.desk.entries(run, Kind.ANSWER_OFFERED) == []


def test_a_missing_reason_is_asked_for_again(place: Place) -> None:
    """An answer that the form does not allow shows the form again, with what was typed, and the sentence."""
    run = place.start()
    again = post(place, place.token(run), verdict="deny", reason="", urgent="yes")
    assert again.status_code == 422
    assert "say why you deny it" in again.text
    assert 'role="alert"' in again.text
    assert 'value="deny" required checked' in again.text
    assert 'value="yes" checked' in again.text
    assert 'aria-describedby="hint-reason problem" aria-invalid="true"' in again.text
    assert place.desk.waiting(run) == ["approval/1"]
    nothing = post(place, place.token(run))
    assert (nothing.status_code, "verdict: Field required" in nothing.text) == (422, True)


def test_what_was_typed_comes_back_escaped(place: Place) -> None:
    """Typed text that looks like HTML comes back as text."""
    run = place.start()
    again = post(place, place.token(run), verdict="maybe", reason="</textarea><b>x</b>")
    assert (again.status_code, "<b>x</b>" in again.text) == (422, False)
    assert "&lt;b&gt;x&lt;/b&gt;" in again.text


def test_the_reason_is_kept_aside(place: Place) -> None:
    """A typed reason is not in the case file."""
    run = place.start()
    assert post(place, place.token(run), verdict="deny", reason="Marlowe-Quux said so").status_code == 200
    assert "Marlowe" not in json.dumps([dict(e.payload) for e in place.desk.entries(run)])
    with place.desk.files.reading() as connection:
        assert connection.execute(select(func.count()).select_from(texts)).scalar_one() == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://casework.example", "Sec-Fetch-Site": "same-site"},
    ],
)
def test_forms_from_elsewhere_are_refused(place: Place, headers: dict[str, str]) -> None:
    """A form that another site sent, or that does not say whence it comes, does nothing."""
    run = place.start()
    assert post(place, place.token(run), headers=headers, verdict="approve").status_code == 403
    assert place.desk.entries(run, Kind.ANSWER_OFFERED) == []


def test_a_page_that_withholds_its_address_is_ours(place: Place) -> None:
    """Browsers send `Origin: null` from a no-referrer page; with Sec-Fetch-Site same-origin it counts."""
    run = place.start()
    sent = post(
        place,
        place.token(run),
        headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        verdict="approve",
    )
    assert sent.status_code == 200


def test_the_forms_value_is_needed(place: Place) -> None:
    """Without the page's value, or with that of another link, the form does nothing."""
    run = place.start()
    other = place.gateway_csrf(place.token(run, BEN))
    for csrf in ("", other):
        typed = {"csrf": csrf, "verdict": "approve"}
        sent = place.client.post(f"/decide/{place.token(run)}", data=typed, headers=OURS)
        assert sent.status_code == 403
    assert place.desk.entries(run, Kind.ANSWER_OFFERED) == []


def test_a_thousand_looks_change_nothing(place: Place) -> None:
    """1,000 requests of scanners leave every entry of the case file and the question as they were."""
    run = place.start()
    before = everything(place, run)
    token = place.token(run)
    assert set(look(place, f"/decide/{token}", 1000)) == {200, 405}
    assert everything(place, run) == before


def everything(place: Place, run: Run) -> tuple[int, list[str], int]:
    with place.desk.files.reading() as connection:
        count = connection.execute(select(func.count()).select_from(entries)).scalar_one()
    return count, place.desk.waiting(run), run.legs


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Everything(Form):
    size: Size
    maybe: Size | None = None
    count: int
    share: float | None = None
    text: str
    sure: bool = False


def test_values_fit_every_kind_of_field() -> None:
    """What a browser sends for each kind of field is what the form accepts."""
    of = fields(Everything)
    assert [field.kind for field in of] == ["choice", "choice", "number", "number", "text", "flag"]
    typed = {"size": "2", "maybe": "", "count": "3", "share": "", "text": " a ", "sure": "yes", "csrf": "x"}
    filled = Everything.model_validate(values(of, typed))
    assert filled == Everything(size=Size.LARGE, count=3, text=" a ", sure=True)


def test_a_field_that_no_page_can_show() -> None:
    """A form with a list is refused with its field's name, rather than shown half."""

    class Listing(Form):
        names: list[str]

    with pytest.raises(TypeError, match="names"):
        fields(Listing)
