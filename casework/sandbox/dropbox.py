"""Dropbox: uploads in one piece or in sessions, ranged downloads, soft and permanent deletion, revisions.

RPC routes take JSON bodies on the API host; content routes take their argument in `Dropbox-API-Arg` on the
content
host. 400 and unknown routes are plain text, route errors are 409 with `error_summary`. Contents are kept as
files in the world's folder, never in memory. Only sequential upload sessions exist here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from casework.sandbox import dropbox_files as files
from casework.sandbox import fields
from casework.sandbox.dropbox_files import content_hash, failure, locate
from casework.sandbox.http import Json, Refusal, Request, Response, json_response, text_response

if TYPE_CHECKING:
    from casework.sandbox.world import World

REQUEST_LIMIT = 150 * 1024 * 1024
_ACCOUNT = "dbid:" + "AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"

_path = fields.matching(r"/.+|id:.+|rev:[0-9a-f]{9,}")
_hash = fields.nullable(fields.matching(r"[0-9a-f]{64}"))
_rev = fields.matching(r"[0-9a-f]{9,}")
_cursor: fields.Check = lambda value: (  # noqa: E731 - a check among checks
    fields.mapping(value)
    and set(value) == {"session_id", "offset"}
    and fields.text(value["session_id"])
    and fields.whole(value["offset"])
    and value["offset"] >= 0
)
_COMMIT: dict[str, fields.Check] = {
    "path": fields.matching(r"/.+"),
    "mode": lambda value: _tag(value) in ("add", "overwrite", "update"),
    "autorename": fields.flag,
    "client_modified": fields.nullable(fields.iso_time),
    "mute": fields.flag,
    "strict_conflict": fields.flag,
    "property_groups": fields.nullable(fields.list_of(fields.mapping)),
}
_Known = dict[str, fields.Check]
_SESSION_TYPE: fields.Check = lambda value: _tag(value) == "sequential"  # noqa: E731 - as above


def _tag(value: Any) -> Any:
    return value.get(".tag") if isinstance(value, dict) else value


def empty() -> Json:
    """The state of a new account."""
    return {"files": {}, "sessions": {}}


def answer(world: World, request: Request) -> Response:
    """Dropbox's answer to a request, with its request id."""
    try:
        response = _answer(world, request)
    except Refusal as refusal:
        response = refusal.response
    headers = {**response.headers, "x-dropbox-request-id": f"{world.next_number('dropbox.request'):032x}"}
    return Response(response.status, headers, response.body)


def _answer(world: World, request: Request) -> Response:
    route = request.path.removeprefix("/2/")
    if request.path == route or route not in _RPC | _CONTENT:
        raise Refusal(text_response(400, f'Unknown API function: "{route.lstrip("/")}"'))
    if request.method != "POST":
        raise bad(route, f"Your request's HTTP method is {request.method!r}. This function only supports POST.")
    host = request.base.rsplit("/", 1)[-1]
    if host and host.startswith("content") != (route in _CONTENT):
        raise Refusal(text_response(404, f"{route}: this function is on the other Dropbox host"))
    authorization = request.headers.get("authorization")
    if authorization is None:
        raise bad(route, 'Must provide HTTP header "Authorization" or URL parameter "authorization".')
    if authorization != f"Bearer {world.state['credentials']['dropbox_token']}":
        raise _unauthorized({".tag": "invalid_access_token"})
    handler, known, required = (_RPC | _CONTENT)[route]
    argument = _header_argument(request, route) if route in _CONTENT else _body_argument(request, route)
    if surplus := fields.unknown(argument, known):
        raise bad(route, f"request body: unknown field {surplus[0]!r}")
    if missing := [name for name in required if name not in argument]:
        raise bad(route, f"request body: missing required field {missing[0]!r}")
    if wrong := fields.ill_typed(argument, known):
        raise bad(route, f"request body: {wrong[0]}: did not match the expected type or pattern")
    result: Response = handler(world, request, argument)
    return result


def bad(route: str, why: str) -> Refusal:
    """400 in plain text: the request itself is wrong."""
    return Refusal(text_response(400, f'Error in call to API function "{route}": {why}'))


def _unauthorized(error: Json) -> Refusal:
    return Refusal(json_response(401, {"error_summary": f"{error['.tag']}/..", "error": error}))


def _body_argument(request: Request, route: str) -> Json:
    if _RPC[route][1] == {} and request.body in (b"", b"null"):
        return {}
    if request.media_type != "application/json":
        raise bad(route, f'Bad HTTP "Content-Type" header: "{request.media_type}". Expecting "application/json".')
    return _object(request.body.decode("utf-8", "replace"), route, "request body")


def _header_argument(request: Request, route: str) -> Json:
    header = request.headers.get("dropbox-api-arg")
    if header is None:
        raise bad(route, 'Must provide HTTP header "Dropbox-API-Arg" or URL parameter "arg".')
    if not header.isascii():
        raise bad(route, 'HTTP header "Dropbox-API-Arg": could not decode input as JSON')
    if route == "files/download":
        if request.body or request.media_type not in ("", "text/plain", "application/octet-stream"):
            raise bad(route, "You provided a non-empty HTTP body, but this function takes none.")
    elif request.media_type != "application/octet-stream":
        expected = '"application/octet-stream"'
        raise bad(route, f'Bad HTTP "Content-Type" header: "{request.media_type}". Expecting {expected}.')
    return _object(header, route, 'HTTP header "Dropbox-API-Arg"')


def _object(text: str, route: str, where: str) -> Json:
    try:
        value = json.loads(text)
    except ValueError:
        raise bad(route, f"{where}: could not decode input as JSON") from None
    if not isinstance(value, dict):
        raise bad(route, f"{where}: expected object")
    return value


# -- uploading ------------------------------------------------------------------------------------------


def _check_payload(request: Request, argument: Json) -> None:
    if len(request.body) > REQUEST_LIMIT:
        raise failure({".tag": "payload_too_large"})
    expected = argument.get("content_hash")
    if expected is not None and content_hash([request.body]) != expected:
        raise failure({".tag": "content_hash_mismatch"})


def _upload(world: World, request: Request, argument: Json) -> Response:
    _check_payload(request, argument)
    blob = files.new_blob(world)
    world.blob(blob).write_bytes(request.body)
    try:
        metadata = files.commit(world, argument, blob)
    except files.WriteConflict as conflict:
        reason = {"reason": conflict.reason, "upload_session_id": blob}
        raise failure({".tag": "path", **reason}) from None
    return json_response(200, metadata)


def _start(world: World, request: Request, argument: Json) -> Response:
    _check_payload(request, argument)
    session = files.new_blob(world)
    kept: Json = {"offset": 0, "closed": argument.get("close", False), "blocks": ""}
    world.blob(session).touch()
    files.grow(world.blob(session), kept, request.body)
    world.state["dropbox"]["sessions"][session] = kept
    return json_response(200, {"session_id": session})


def _session(world: World, cursor: Json, *, finishing: bool) -> Json:
    session: Json | None = world.state["dropbox"]["sessions"].get(cursor["session_id"])
    if session is None:
        error: Json = {".tag": "not_found"}
    elif session["closed"] and not finishing:
        error = {".tag": "closed"}
    elif cursor["offset"] != session["offset"]:
        error = {".tag": "incorrect_offset", "correct_offset": session["offset"]}
    else:
        return session
    raise failure({".tag": "lookup_failed", "lookup_failed": error} if finishing else error)


def _append(world: World, request: Request, argument: Json) -> Response:
    session = _session(world, argument["cursor"], finishing=False)
    _check_payload(request, argument)
    files.grow(world.blob(argument["cursor"]["session_id"]), session, request.body)
    session["closed"] = argument.get("close", False)
    return Response(200, {"content-type": "application/json"}, b"null")


def _finish(world: World, request: Request, argument: Json) -> Response:
    session = _session(world, argument["cursor"], finishing=True)
    commit = argument["commit"]
    wrong = fields.unknown(commit, _COMMIT) + fields.ill_typed(commit, _COMMIT)
    if wrong or "path" not in commit:
        raise bad("files/upload_session/finish", f"commit: {(wrong or ['path'])[0]}: missing, unknown or ill-typed")
    if session["closed"] and request.body:
        raise failure({".tag": "lookup_failed", "lookup_failed": {".tag": "closed"}})
    _check_payload(request, argument)
    blob = argument["cursor"]["session_id"]
    files.grow(world.blob(blob), session, request.body)
    try:
        metadata = files.commit(world, commit, blob, session["blocks"])
    except files.WriteConflict as conflict:
        raise failure({".tag": "path", "path": conflict.reason}) from None
    del world.state["dropbox"]["sessions"][blob]
    return json_response(200, metadata)


# -- reading --------------------------------------------------------------------------------------------


def _get_metadata(world: World, _request: Request, argument: Json) -> Response:
    file = locate(world, argument["path"], deleted=argument.get("include_deleted", False))
    if file["deleted"]:
        return json_response(200, files.deleted_metadata(file))
    return json_response(200, {".tag": "file", **files.metadata(file)})


_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def _download(world: World, request: Request, argument: Json) -> Response:
    file = locate(world, argument["path"])
    revision = files.revision(file, argument["path"], argument.get("rev"))
    size: int = revision["size"]
    start, end, status = 0, size, 200
    headers = {"etag": f'W/"{revision["rev"]}"', "accept-ranges": "bytes"}
    if "range" in request.headers:
        match = _RANGE.fullmatch(request.headers["range"].strip())
        if match is None or match.groups() == ("", ""):
            raise bad("files/download", f'Bad HTTP "Range" header: "{request.headers["range"]}"')
        first, last = match.groups()
        start, end = (int(first), min(int(last) + 1, size) if last else size) if first else (
            max(0, size - int(last)), size)  # fmt: skip
        if start >= end:
            return text_response(416, "range not satisfiable", {"content-range": f"bytes */{size}"})
        status = 206
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    headers |= {
        "content-type": "application/octet-stream",
        "content-length": str(end - start),
        "dropbox-api-result": json.dumps(files.metadata(file, revision)),
    }
    # Opened now: a deletion after this answer has begun does not take its bytes away.
    return Response(status, headers, _chunks(world.blob(revision["blob"]).open("rb"), start, end))


def _chunks(source: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    with source:
        source.seek(start)
        while start < end and (chunk := source.read(min(1024 * 1024, end - start))):
            start += len(chunk)
            yield chunk


def _list_revisions(world: World, _request: Request, argument: Json) -> Response:
    file = locate(world, argument["path"], deleted=True)
    newest = list(reversed(file["revisions"]))
    limit = argument.get("limit", 10)
    result = {
        "is_deleted": file["deleted"],
        "entries": [files.metadata(file, revision) for revision in newest[:limit]],
        "has_more": len(newest) > limit,
    }
    if file["deleted"]:
        result["server_deleted"] = file["deleted_at"]
    return json_response(200, result)


# -- deleting and restoring -----------------------------------------------------------------------------


def _delete(world: World, _request: Request, argument: Json) -> Response:
    file = locate(world, argument["path"], wrap="path_lookup")
    parent = argument.get("parent_rev")
    if parent is not None and parent != file["revisions"][-1]["rev"]:
        conflict = {".tag": "conflict", "conflict": {".tag": "file"}}
        raise failure({".tag": "path_write", "path_write": conflict})
    shown = {".tag": "file", **files.metadata(file)}
    file["deleted"], file["deleted_at"] = True, world.stamp()
    return json_response(200, {"metadata": shown})


def _permanently_delete(world: World, _request: Request, argument: Json) -> Response:
    if not world.state["business"]:
        raise _unauthorized({".tag": "missing_scope", "required_scope": "files.permanent_delete"})
    file = locate(world, argument["path"], deleted=True, wrap="path_lookup")
    files.forget(world, file)
    return Response(200, {"content-type": "application/json"}, b"null")


def _restore(world: World, _request: Request, argument: Json) -> Response:
    file = locate(world, argument["path"], deleted=True, wrap="path_lookup")
    known = {revision["rev"]: revision for revision in file["revisions"]}
    if argument["rev"] not in known:
        raise failure({".tag": "invalid_revision"})
    file["revisions"].append({**known[argument["rev"]], "rev": files.next_rev(world)})
    file["deleted"], file["deleted_at"] = False, None
    return json_response(200, files.metadata(file))


def _current_account(world: World, _request: Request, _argument: Json) -> Response:
    name = {"given_name": "Casework", "surname": "Robot", "familiar_name": "Casework",
            "display_name": "Casework Robot", "abbreviated_name": "CR"}  # fmt: skip
    account: Mapping[str, Any] = {
        "account_id": _ACCOUNT,
        "name": name,
        "email": "robot@vault.example",
        "email_verified": True,
        "disabled": False,
        "locale": "en",
        "referral_link": "https://vault.example/referrals",
        "is_paired": False,
        "account_type": {".tag": "business" if world.state["business"] else "pro"},
        "root_info": {".tag": "user", "root_namespace_id": "3235641", "home_namespace_id": "3235641"},
    }
    return json_response(200, account)


_RPC: dict[str, tuple[Any, _Known, tuple[str, ...]]] = {
    "files/get_metadata": (
        _get_metadata,
        {
            "path": _path,
            "include_deleted": fields.flag,
            "include_media_info": fields.flag,
            "include_has_explicit_shared_members": fields.flag,
        },
        ("path",),
    ),
    "files/list_revisions": (
        _list_revisions,
        {
            "path": _path,
            "mode": lambda value: _tag(value) == "path",
            "limit": lambda value: fields.whole(value) and 1 <= value <= 100,
            "include_restorable_info": fields.flag,
        },
        ("path",),
    ),
    "files/delete_v2": (_delete, {"path": _path, "parent_rev": fields.nullable(_rev)}, ("path",)),
    "files/permanently_delete": (
        _permanently_delete,
        {"path": _path, "parent_rev": fields.nullable(_rev)},
        ("path",),
    ),
    "files/restore": (_restore, {"path": fields.matching(r"/.+"), "rev": _rev}, ("path", "rev")),
    "users/get_current_account": (_current_account, {}, ()),
}
_CONTENT: dict[str, tuple[Any, _Known, tuple[str, ...]]] = {
    "files/upload": (_upload, {**_COMMIT, "content_hash": _hash}, ("path",)),
    "files/upload_session/start": (
        _start,
        {"close": fields.flag, "session_type": _SESSION_TYPE, "content_hash": _hash},
        (),
    ),
    "files/upload_session/append_v2": (
        _append,
        {"cursor": _cursor, "close": fields.flag, "content_hash": _hash},
        ("cursor",),
    ),
    "files/upload_session/finish": (
        _finish,
        {"cursor": _cursor, "commit": fields.mapping, "content_hash": _hash},
        ("cursor", "commit"),
    ),
    "files/download": (_download, {"path": _path, "rev": fields.nullable(_rev)}, ("path",)),
}
ROUTES: tuple[tuple[str, str], ...] = tuple(("POST", f"/2/{route}") for route in _RPC | _CONTENT)
