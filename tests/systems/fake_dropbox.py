"""Just enough of Dropbox behind the official SDK: sessions, files, soft deletes, and answers that get lost.

It computes its own content hash with the SDK's published function, so that it can contradict the client.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import requests
from dropbox.content_hash import content_hash
from requests.adapters import BaseAdapter

JSON = "application/json"


class FakeDropbox(BaseAdapter):
    """`script[route]` holds what happens to the next calls of a route, one entry each.

    None: answered as usual. An exception: raised before anything happens. `lost`: it happens, then the
    connection breaks. A function: its answer in place of Dropbox's.
    """

    def __init__(self, business: bool = True) -> None:
        super().__init__()
        self.business = business
        self.sessions: dict[str, bytearray | None] = {}
        self.files: dict[str, list[bytes]] = {}
        self.deleted: set[str] = set()
        self.script: dict[str, list[Any]] = {}
        self.calls: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.largest_body = 0

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]  # the options do not matter here
        assert request.url is not None
        route = request.url.partition("/2/")[2]
        self.calls.append(route)
        self.headers.append(dict(request.headers))
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        self.largest_body = max(self.largest_body, len(body))
        assert request.headers["Authorization"] == "Bearer s3cret"
        planned = self.script.get(route, [])
        step = planned.pop(0) if planned else None
        if isinstance(step, Exception):
            raise step
        if callable(step) and step is not lost:
            return self._response(request, *step())
        header = request.headers.get("Dropbox-API-Arg")
        argument = json.loads(header) if header else json.loads(body or b"null")
        handler: Callable[..., Any] = getattr(self, route.replace("/", "_"))
        answer = handler(argument, body, request.headers)
        if step is lost:
            raise requests.exceptions.ConnectionError("the answer was lost")
        return self._response(request, *answer)

    def close(self) -> None: ...

    def _response(
        self, request: requests.PreparedRequest, status: int, body: Any, headers: dict[str, str] | None = None
    ) -> requests.Response:
        answer = requests.Response()
        answer.status_code = status
        answer.request = request
        answer.url = request.url or ""
        answer.headers.update({"content-type": JSON, "x-dropbox-request-id": "req-1234567"} | (headers or {}))
        answer.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        return answer

    def files_upload_session_start(self, argument: Any, body: bytes, _: Any) -> Any:
        session = f"session-{len(self.sessions)}"
        self.sessions[session] = bytearray(body)
        return 200, {"session_id": session}

    def files_upload_session_append_v2(self, argument: Any, body: bytes, _: Any) -> Any:
        cursor = argument["cursor"]
        stored = self.sessions.get(cursor["session_id"])
        if stored is None:
            gone = "closed" if cursor["session_id"] in self.sessions else "not_found"
            return failed(gone)
        if cursor["offset"] != len(stored):
            return failed("incorrect_offset", correct_offset=len(stored))
        assert argument["content_hash"] == content_hash(body)
        stored += body
        return 200, None

    def files_upload_session_finish(self, argument: Any, body: bytes, _: Any) -> Any:
        cursor, path = argument["cursor"], argument["commit"]["path"]
        stored = self.sessions.get(cursor["session_id"])
        if stored is None:
            return failed("lookup_failed", lookup_failed={".tag": "closed"})
        if cursor["offset"] != len(stored):
            wrong = {".tag": "incorrect_offset", "correct_offset": len(stored)}
            return failed("lookup_failed", lookup_failed=wrong)
        assert argument["commit"]["mode"] in ("overwrite", {".tag": "overwrite"})
        self.files.setdefault(path, []).append(bytes(stored))
        self.deleted.discard(path)
        self.sessions[cursor["session_id"]] = None
        return 200, self._metadata(path)

    def files_get_metadata(self, argument: Any, *_: Any) -> Any:
        path = argument["path"]
        if path == "/folder":
            return 200, {".tag": "folder", "name": "folder", "id": "id:f", "path_lower": path}
        if path not in self.files or path in self.deleted:
            return failed("path", path={".tag": "not_found"})
        return 200, {".tag": "file"} | self._metadata(path)

    def files_download(self, argument: Any, _: bytes, headers: Any) -> Any:
        path = argument["path"]
        if path not in self.files or path in self.deleted:
            return failed("path", path={".tag": "not_found"})
        content = self.files[path][-1]
        result = {
            "dropbox-api-result": json.dumps(self._metadata(path)),
            "content-type": "application/octet-stream",
        }
        if "Range" not in headers:
            return 200, content, result
        first, _, last = headers["Range"].removeprefix("bytes=").partition("-")
        return 206, content[int(first) : int(last) + 1 if last else None], result

    def files_delete_v2(self, argument: Any, *_: Any) -> Any:
        path = argument["path"]
        if path not in self.files or path in self.deleted:
            return failed("path_lookup", path_lookup={".tag": "not_found"})
        metadata = {".tag": "file"} | self._metadata(path)
        self.deleted.add(path)
        return 200, {"metadata": metadata}

    def files_permanently_delete(self, argument: Any, *_: Any) -> Any:
        if not self.business:
            return 401, {
                "error_summary": "missing_scope/",
                "error": {".tag": "missing_scope", "required_scope": "x"},
            }
        if self.files.pop(argument["path"], None) is None:
            return failed("path_lookup", path_lookup={".tag": "not_found"})
        self.deleted.discard(argument["path"])
        return 200, None

    def files_list_revisions(self, argument: Any, *_: Any) -> Any:
        path = argument["path"]
        if path not in self.files:
            return failed("path", path={".tag": "not_found"})
        answer: dict[str, Any] = {
            "is_deleted": path in self.deleted,
            "has_more": False,
            "entries": [self._metadata(path, at) for at in reversed(range(len(self.files[path])))],
        }
        if path in self.deleted:
            answer["server_deleted"] = "2026-01-08T10:12:08Z"
        return 200, answer

    def users_get_current_account(self, *_: Any) -> Any:
        name = dict.fromkeys(
            ("given_name", "surname", "familiar_name", "display_name", "abbreviated_name"), "Marlowe-Quux"
        )
        root = {".tag": "user", "root_namespace_id": "1", "home_namespace_id": "1"}
        return 200, {
            "account_id": "dbid:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "name": name,
            "email": "marlowe@casework.example",
            "email_verified": True,
            "disabled": False,
            "locale": "en",
            "referral_link": "https://db.tt/x",
            "is_paired": False,
            "account_type": {".tag": "basic"},
            "root_info": root,
        }

    def _metadata(self, path: str, at: int = -1) -> dict[str, Any]:
        content = self.files[path][at]
        number = len(self.files[path]) if at == -1 else at + 1
        return {
            "name": path.rpartition("/")[2],
            "id": "id:a4ayc_80_OEAAAAAAAAAXw",
            "path_lower": path.lower(),
            "path_display": path,
            "client_modified": "2026-01-08T10:12:08Z",
            "server_modified": "2026-01-08T10:12:08Z",
            "rev": f"{number:09}",
            "size": len(content),
            "is_downloadable": True,
            "content_hash": content_hash(content),
        }


def lost() -> None:
    """In a script: it happens, but its answer gets lost."""


def failed(tag: str, **members: Any) -> Any:
    """Dropbox's 409 with an error union."""
    return 409, {"error_summary": f"{tag}/...", "error": {".tag": tag} | members}
