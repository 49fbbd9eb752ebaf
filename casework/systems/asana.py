"""Asana tasks, their comments and webhooks (API 1.0).

There is no idempotency key, and creating from a template takes only a name. So the name carries the case's
reference and `find_task` looks for exactly that name; a comment ends with a marker and `find_comment` looks
for that. Every body is wrapped in `data`; ids are strings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from casework.systems.errors import Refused, Temporary
from casework.systems.http import Http
from casework.systems.markers import ends_with_marker

_POLLS = 30
_PAGE = 100


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Task(_Model):
    """Whether a task is done (UTC), and where people see it."""

    gid: str
    completed: bool
    completed_at: datetime | None = None
    permalink_url: str


class Webhook(_Model):
    """A subscription. `target` may hold a secret path."""

    gid: str
    active: bool = True
    target: str = Field(repr=False)


_M = TypeVar("_M", bound=_Model)


class _Gid(_Model):
    gid: str


class _Named(_Model):
    gid: str
    name: str = Field(default="", repr=False)


class _Story(_Model):
    gid: str
    type: str = ""
    text: str = Field(default="", repr=False)


class _Job(_Model):
    gid: str
    status: Literal["not_started", "in_progress", "succeeded", "failed"]
    new_task: _Gid | None = None


_NAMES = TypeAdapter(list[_Named])
_STORIES = TypeAdapter(list[_Story])
_WEBHOOKS = TypeAdapter(list[Webhook])


class Asana:
    """A client with a personal access or service account token. `url` is the API's root, `.../api/1.0`."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = Http("Asana", url, headers=headers, transport=transport, sleep=sleep)
        self._sleep = sleep

    def instantiate(self, template: str, name: str) -> str:
        """Make a task from a template and give its gid, waiting up to about half a minute for Asana's job.

        Not repeatable: after `Temporary` with `maybe_done` look with `find_task` first.
        """
        operation = f"make a task from template {template}"
        path = f"task_templates/{template}/instantiateTask"
        answer = self._http.request(operation, "POST", path, json={"data": {"name": name}})
        job = self._http.typed(operation, _Job, answer, "data")
        for _ in range(_POLLS):
            if job.status == "succeeded":
                if job.new_task is None:
                    raise Temporary("Asana", operation, f"job {job.gid} names no task", maybe_done=True)
                return job.new_task.gid
            if job.status == "failed":
                raise Refused("Asana", operation, f"job {job.gid} failed")
            self._sleep(1.0)
            job = self._job(job.gid, operation)
        raise Temporary("Asana", operation, f"job {job.gid} is still {job.status}", maybe_done=True)

    def find_task(self, project: str, name: str) -> str | None:
        """The gid of the first task in the project with exactly this name."""
        operation = f"list the tasks of project {project}"
        for task in self._pages(operation, f"projects/{project}/tasks", _NAMES, opt_fields="name"):
            if task.name == name:
                return task.gid
        return None

    def task(self, gid: str) -> Task:
        """Raises `NotFound` when there is no such task."""
        operation = f"read task {gid}"
        fields = "completed,completed_at,permalink_url"
        answer = self._http.request(operation, "GET", f"tasks/{gid}", params={"opt_fields": fields})
        return self._http.typed(operation, Task, answer, "data")

    def update_task(
        self,
        gid: str,
        *,
        notes: str | None = None,
        html_notes: str | None = None,
        due_on: date | None = None,
        completed: bool | None = None,
        assignee: str | None = None,
    ) -> None:
        """Set the given fields; None leaves a field as it is. `completed=False` reopens. Repeatable."""
        if notes is not None and html_notes is not None:
            raise ValueError("Give notes or html_notes, not both")
        fields = {
            "notes": notes,
            "html_notes": html_notes,
            "due_on": due_on.isoformat() if due_on else None,
            "completed": completed,
            "assignee": assignee,
        }
        change = {name: value for name, value in fields.items() if value is not None}
        self._http.request(f"update task {gid}", "PUT", f"tasks/{gid}", json={"data": change})

    def add_comment(self, gid: str, text: str) -> str:
        """Comment on a task; gives the comment's gid. Not repeatable: after a doubt, `find_comment` first."""
        operation = f"comment on task {gid}"
        answer = self._http.request(operation, "POST", f"tasks/{gid}/stories", json={"data": {"text": text}})
        return self._http.typed(operation, _Gid, answer, "data").gid

    def find_comment(self, gid: str, marker: str) -> str | None:
        """The gid of the first comment on the task that ends with `marker`."""
        operation = f"list the comments of task {gid}"
        for story in self._pages(operation, f"tasks/{gid}/stories", _STORIES, opt_fields="text,type"):
            if story.type == "comment" and ends_with_marker(story.text, marker):
                return story.gid
        return None

    def create_webhook(self, resource: str, target: str, filters: Sequence[Mapping[str, Any]]) -> str:
        """Subscribe `target` to a resource and give the webhook's gid.

        Asana calls `target` with `X-Hook-Secret` while this call is open. Not repeatable: after a doubt look
        with `webhooks` first.
        """
        operation = f"subscribe to {resource}"
        body = {"resource": resource, "target": target, "filters": [dict(f) for f in filters]}
        answer = self._http.request(operation, "POST", "webhooks", json={"data": body})
        return self._http.typed(operation, _Gid, answer, "data").gid

    def webhooks(self, workspace: str, resource: str) -> tuple[Webhook, ...]:
        """Our subscriptions to a resource."""
        operation = f"list the subscriptions to {resource}"
        query = {"workspace": workspace, "resource": resource, "opt_fields": "active,target"}
        return tuple(self._pages(operation, "webhooks", _WEBHOOKS, **query))

    def _job(self, gid: str, operation: str) -> _Job:
        fields = "status,new_task"
        try:
            answer = self._http.request(operation, "GET", f"jobs/{gid}", params={"opt_fields": fields})
        except Temporary as fault:
            # The job goes on without us: asking about it is harmless, starting it again is not.
            raise Temporary(
                "Asana",
                operation,
                f"job {gid} could not be followed: {fault.detail}",
                status=fault.status,
                retry_after=fault.retry_after,
                maybe_done=True,
            ) from fault
        return self._http.typed(operation, _Job, answer, "data")

    def _pages(self, operation: str, path: str, kind: TypeAdapter[list[_M]], **query: str) -> Iterator[_M]:
        params: dict[str, str | int | bool] = {"limit": _PAGE, **query}
        while True:
            answer = self._http.request(operation, "GET", path, params=params)
            yield from self._http.typed(operation, kind, answer, "data")
            offset = (answer.get("next_page") or {}).get("offset")
            if not offset or offset == params.get("offset"):
                return
            params["offset"] = offset
