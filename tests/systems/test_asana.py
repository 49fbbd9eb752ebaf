"""The Asana client, against answers in the shape that Asana publishes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from casework.systems.asana import Asana
from casework.systems.errors import NotFound, Refused, Temporary
from tests.systems.vendor import PLANTED, Handler, Vendor, in_turn


def client(handler: Handler, slept: list[float] | None = None) -> tuple[Asana, Vendor]:
    vendor = Vendor("asana", handler)
    sleep = (slept if slept is not None else []).append
    return Asana("http://127.0.0.1:9000/api/1.0", "pat", transport=vendor, sleep=sleep), vendor


def data(body: Any, status: int = 200, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"data": body, **more})


def job(status: str, task: str | None = None) -> dict[str, Any]:
    return {
        "gid": "77",
        "resource_type": "job",
        "status": status,
        "new_task": {"gid": task, "resource_type": "task"} if task else None,
    }


def test_a_task_is_made_from_a_template_once_its_job_is_done(slept: list[float]) -> None:
    """The job is followed until it has succeeded; the task's id comes from it."""
    slow = [data(job("not_started"), 201), data(job("in_progress")), data(job("succeeded", "1234"))]
    asana, vendor = client(in_turn(*slow), slept)
    assert asana.instantiate("55", "Export CW-1") == "1234"
    assert json.loads(vendor.requests[0].content) == {"data": {"name": "Export CW-1"}}
    assert vendor.requests[0].url.path == "/api/1.0/task_templates/55/instantiateTask"
    assert vendor.requests[0].headers["Authorization"] == "Bearer pat"
    assert [request.url.path for request in vendor.requests[1:]] == ["/api/1.0/jobs/77"] * 2
    assert slept == [1.0, 1.0]


def test_a_failed_job_is_refused() -> None:
    """Asana's "failed" is final."""
    asana, _ = client(in_turn(data(job("in_progress"), 201), data(job("failed"))))
    with pytest.raises(Refused, match="job 77 failed"):
        asana.instantiate("55", "x")


def test_a_job_that_does_not_end_is_left_in_doubt(slept: list[float]) -> None:
    """After half a minute the caller is told to look for the task: it may still appear."""
    asana, _ = client(lambda r: data(job("in_progress"), 201 if r.method == "POST" else 200), slept)
    with pytest.raises(Temporary) as caught:
        asana.instantiate("55", "x")
    assert caught.value.maybe_done
    assert sum(slept) == 30


def test_losing_sight_of_a_job_is_doubt_too(slept: list[float]) -> None:
    """Asking about a job may fail; the task may be made all the same, so nothing is started again."""
    asana, vendor = client(in_turn(data(job("in_progress"), 201), *[httpx.ReadTimeout("x")] * 4), slept)
    with pytest.raises(Temporary) as caught:
        asana.instantiate("55", "x")
    assert caught.value.maybe_done
    assert [request.method for request in vendor.requests].count("POST") == 1


def test_a_lost_answer_never_makes_two_tasks() -> None:
    """The template is used once; then the caller looks with `find_task`."""
    asana, vendor = client(in_turn(httpx.ReadTimeout("late")))
    with pytest.raises(Temporary) as caught:
        asana.instantiate("55", "x")
    assert caught.value.maybe_done
    assert len(vendor.requests) == 1


def named(gid: str, name: str) -> dict[str, Any]:
    return {"gid": gid, "resource_type": "task", "name": name}


@pytest.mark.parametrize(
    ("name", "found"), [("Export CW-1", "3"), ("Export CW", None), ("export cw-1", None), ("", None)]
)
def test_a_task_is_found_by_exactly_its_name(name: str, found: str | None) -> None:
    """All pages are read; near names are other tasks."""
    more: dict[str, Any] = {"next_page": {"offset": "o2", "path": "/x", "uri": "http://127.0.0.1:9000/x"}}
    pages = [
        data([named("1", "Export CW-12"), named("2", PLANTED)], **more),
        data([named("3", "Export CW-1")], next_page=None),
    ]
    asana, vendor = client(in_turn(*pages))
    assert asana.find_task("88", name) == found
    assert vendor.requests[1].url.params["offset"] == "o2"


def test_a_task_says_whether_it_is_done() -> None:
    """Completion, its time in UTC, and the link that people follow."""
    body = {
        "gid": "1234",
        "resource_type": "task",
        "completed": True,
        "completed_at": "2026-01-08T10:12:08.000Z",
        "permalink_url": "http://127.0.0.1:9000/0/1/1234",
        "name": PLANTED,
    }
    asana, _ = client(in_turn(data(body)))
    task = asana.task("1234")
    assert (task.completed, task.completed_at) == (True, datetime(2026, 1, 8, 10, 12, 8, tzinfo=UTC))
    assert PLANTED not in repr(task)


def test_a_missing_task_is_not_found() -> None:
    """404 names the task's id and leaves Asana's sentence out."""
    missing = httpx.Response(404, json={"errors": [{"message": PLANTED}]})
    asana, _ = client(in_turn(missing))
    with pytest.raises(NotFound, match="read task 1234") as caught:
        asana.task("1234")
    assert PLANTED not in str(caught.value)


def test_only_given_fields_are_changed() -> None:
    """None leaves a field alone; False is a value: it reopens the task."""
    same = {"gid": "1234", "resource_type": "task"}
    asana, vendor = client(in_turn(data(same), httpx.ReadTimeout("late"), data(same)))
    asana.update_task("1234", completed=False)
    asana.update_task("1234", html_notes="<body>x</body>", due_on=date(2026, 1, 15), assignee="me")
    assert vendor.bodies[0] == {"data": {"completed": False}}
    assert vendor.bodies[2] == {"data": {"html_notes": "<body>x</body>", "due_on": "2026-01-15", "assignee": "me"}}
    with pytest.raises(ValueError, match="not both"):
        asana.update_task("1234", notes="a", html_notes="b")


def story(gid: str, text: str, kind: str = "comment") -> dict[str, Any]:
    return {"gid": gid, "resource_type": "story", "type": kind, "text": text}


def test_a_comment_is_written_once_and_found_again() -> None:
    """A lost answer is not repeated; the comment is found by its marker, system stories are not comments."""
    written = [story("1", "moved Ref: CW-1/rejected", "system"), story("2", f"{PLANTED}\nRef: CW-1/rejected")]
    asana, vendor = client(in_turn(httpx.ReadTimeout("late"), data(written)))
    with pytest.raises(Temporary) as caught:
        asana.add_comment("1234", PLANTED)
    assert caught.value.maybe_done
    assert PLANTED not in str(caught.value)
    assert asana.find_comment("1234", "CW-1/rejected") == "2"
    assert json.loads(vendor.requests[0].content) == {"data": {"text": PLANTED}}
    assert len(vendor.requests) == 2


def test_a_comment_has_an_id() -> None:
    """The new comment's gid is given."""
    asana, _ = client(in_turn(data(story("9", "x"), 201)))
    assert asana.add_comment("1234", "x") == "9"


def hook(gid: str) -> dict[str, Any]:
    return {
        "gid": gid,
        "resource_type": "webhook",
        "active": True,
        "target": f"https://hooks.casework.example/{PLANTED}",
        "resource": {"gid": "1234", "resource_type": "task"},
    }


def test_webhooks_are_made_and_listed() -> None:
    """A subscription names resource, target and filters; the target's path is not shown by `repr`."""
    asana, vendor = client(in_turn(data(hook("5"), 201), data([hook("5")])))
    wanted = [{"resource_type": "task", "action": "changed", "fields": ["completed"]}]
    assert asana.create_webhook("1234", "https://hooks.casework.example/a", wanted) == "5"
    found = asana.webhooks("99", "1234")
    assert [h.gid for h in found] == ["5"]
    assert PLANTED not in repr(found)
    assert dict(vendor.requests[1].url.params)["workspace"] == "99"
