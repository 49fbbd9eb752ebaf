"""OneDrive through Microsoft Graph: tokens of an app, one drive, upload sessions, ranged downloads, permanent deletion.

Graph is below `/v1.0`, the identity platform beside it. The addresses that an upload session and an item give out
are keys themselves and refuse a token. Fragments come one after the other, in multiples of 320 KiB but for the last,
each under 60 MiB. Contents are kept as files in the world's folder. Only what is needed for a vault exists here.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import parse_qsl, unquote

from casework.sandbox import fields
from casework.sandbox.http import Json, Refusal, Request, Response, json_response
from casework.sandbox.routing import Routes

if TYPE_CHECKING:
    from casework.sandbox.world import World

_MULTIPLE = 320 * 1024
_FRAGMENT_LIMIT = 60 * 1024 * 1024
_TOKEN_SECONDS = 3599
_SESSION_LIFE = timedelta(days=7)
_DOWNLOAD_LIFE = timedelta(hours=1)
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_RANGE = re.compile(r"bytes=(\d{1,19})-(\d{0,19})")
_ITEM: dict[str, fields.Check] = {
    "@microsoft.graph.conflictBehavior": fields.one_of("fail", "replace"),
    "description": fields.text,
    "fileSize": fields.whole,
    "name": fields.text,
}

routes = Routes()


def empty() -> Json:
    """The state of a new drive."""
    return {"items": {}, "sessions": {}, "tokens": {}}


def answer(world: World, request: Request) -> Response:
    """The answer to a request, with its request id."""
    try:
        response = _answer(world, request)
    except Refusal as refusal:
        response = refusal.response
    number = world.next_number("onedrive.request")
    headers = {**response.headers, "request-id": f"{number:08x}-5a7d-4b0e-9c1f-{number:012x}"}
    return Response(response.status, headers, response.body)


def _answer(world: World, request: Request) -> Response:
    found = routes.find(request.method, unquote(request.path))
    if found is None:
        raise _failure(400, "BadRequest", f"There is no {request.method} for this resource.")
    handler, placeholders = found
    if request.path.startswith("/v1.0/__"):
        if "authorization" in request.headers:
            raise _failure(401, "unauthenticated", "This address is pre-authenticated: send no Authorization header.")
    elif request.path.startswith("/v1.0/"):
        _demand_token(world, request)
        if placeholders.pop("drive") != world.state["credentials"]["onedrive_drive"]:
            raise _failure(404, "itemNotFound", "The resource could not be found.")
    response: Response = handler(world, request, **placeholders)
    return response


def _failure(status: int, code: str, message: str) -> Refusal:
    return Refusal(json_response(status, {"error": {"code": code, "message": message, "innerError": {}}}))


# -- signing in


@routes.on("POST", "/{tenant}/oauth2/v2.0/token")
def _token(world: World, request: Request, tenant: str) -> Response:
    known = world.state["credentials"]
    if request.media_type != "application/x-www-form-urlencoded":
        raise _denied(400, "invalid_request", "AADSTS900144")
    asked = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    if surplus := sorted(set(asked) - {"grant_type", "client_id", "client_secret", "scope"}):
        raise _denied(400, "invalid_request", f"AADSTS9000411: {surplus[0]}")
    if asked.get("grant_type") != "client_credentials":
        raise _denied(400, "unsupported_grant_type", "AADSTS70003")
    if tenant != known["onedrive_tenant"]:
        raise _denied(400, "invalid_request", "AADSTS90002: the tenant was not found.")
    if asked.get("client_id") != known["onedrive_client_id"]:
        raise _denied(400, "unauthorized_client", "AADSTS700016: the application was not found in the directory.")
    if asked.get("client_secret") != known["onedrive_client_secret"]:
        raise _denied(401, "invalid_client", "AADSTS7000215: an invalid client secret was provided.")
    if not re.fullmatch(r"https?://[^/]+/\.default", asked.get("scope", "")):
        raise _denied(400, "invalid_scope", "AADSTS70011: the scope must end with /.default.")
    token = f"onedrive-sandbox-token-{world.next_number('onedrive.token'):06d}"
    ends = world.now() + timedelta(seconds=_TOKEN_SECONDS)
    world.state["onedrive"]["tokens"] = {
        kept: until for kept, until in world.state["onedrive"]["tokens"].items() if not _past(world, until)
    } | {token: ends.isoformat()}
    given = {"token_type": "Bearer", "expires_in": _TOKEN_SECONDS, "ext_expires_in": _TOKEN_SECONDS}
    return json_response(200, {**given, "access_token": token})


def _denied(status: int, error: str, description: str) -> Refusal:
    return Refusal(json_response(status, {"error": error, "error_description": description}))


def _demand_token(world: World, request: Request) -> None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    until = world.state["onedrive"]["tokens"].get(token)
    if kind != "Bearer" or until is None or _past(world, until):
        raise _failure(401, "InvalidAuthenticationToken", "Access token is missing, unknown or expired.")


def _past(world: World, moment: str) -> bool:
    return datetime.fromisoformat(moment) <= world.now()


# -- looking and reading


@routes.on("GET", "/v1.0/drives/{drive}/root")
def _root(world: World, _request: Request) -> Response:
    children = len(world.state["onedrive"]["items"])
    return json_response(200, {"id": "01SANDBOXROOT", "name": "root", "root": {}, "folder": {"childCount": children}})


@routes.on("GET", "/v1.0/drives/{drive}/root:/{path...}")
def _look(world: World, request: Request, path: str) -> Response:
    return json_response(200, _item(world, request, _locate(world, path)))


def _locate(world: World, path: str) -> Json:
    found: Json | None = world.state["onedrive"]["items"].get(path.lower())
    if found is None:
        raise _failure(404, "itemNotFound", "The resource could not be found.")
    return found


def _item(world: World, request: Request, kept: Json) -> Json:
    folder, _, name = kept["path"].rpartition("/")
    drive = world.state["credentials"]["onedrive_drive"]
    until = int((world.now() + _DOWNLOAD_LIFE).timestamp())
    return {
        "id": kept["id"],
        "name": name,
        "size": kept["size"],
        "eTag": kept["etag"],
        "createdDateTime": kept["created"],
        "lastModifiedDateTime": kept["modified"],
        "parentReference": {"driveId": drive, "driveType": "business", "path": f"/drives/{drive}/root:/{folder}"},
        "file": {"mimeType": "application/octet-stream", "hashes": {"quickXorHash": kept["hash"]}},
        "@microsoft.graph.downloadUrl": f"{request.base}/v1.0/__download/{kept['blob']}?until={until}",
    }


@routes.on("GET", "/v1.0/__download/{blob}")
def _download(world: World, request: Request, blob: str) -> Response:
    until = request.parameter("until") or ""
    if not until.isdecimal() or int(until) <= world.now().timestamp():
        raise _failure(401, "unauthenticated", "The address has expired.")
    kept = next((one for one in world.state["onedrive"]["items"].values() if one["blob"] == blob), None)
    if kept is None:
        raise _failure(404, "itemNotFound", "The resource could not be found.")
    size: int = kept["size"]
    start, end, status = 0, size, 200
    headers = {"content-type": "application/octet-stream", "accept-ranges": "bytes", "etag": kept["etag"]}
    if "range" in request.headers:
        match = _RANGE.fullmatch(request.headers["range"])
        if match is None:
            raise _failure(400, "invalidRequest", "The Range header is not understood.")
        start, end, status = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size, 206
        if start >= end:
            raise _failure(416, "invalidRange", "The range is not satisfiable.")
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    headers["content-length"] = str(end - start)
    # Opened now: a deletion after this answer has begun does not take its bytes away.
    return Response(status, headers, _chunks(world.blob(blob).open("rb"), start, end))


def _chunks(source: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    with source:
        source.seek(start)
        while start < end and (chunk := source.read(min(256 * 1024, end - start))):
            start += len(chunk)
            yield chunk


# -- uploading


@routes.on("POST", "/v1.0/drives/{drive}/root:/{path...}:/createUploadSession")
def _begin(world: World, request: Request, path: str) -> Response:
    item = _wanted(request)
    replaces = item.get("@microsoft.graph.conflictBehavior") == "replace"
    if path.lower() in world.state["onedrive"]["items"] and not replaces:
        raise _failure(409, "nameAlreadyExists", "An item with the same name already exists.")
    session = f"up{world.next_number('onedrive.session'):012d}"
    world.blob(session).write_bytes(b"")
    kept = {"path": path, "size": item.get("fileSize"), "offset": 0, "expires": ""}
    world.state["onedrive"]["sessions"][session] = kept
    return json_response(200, {"uploadUrl": f"{request.base}/v1.0/__upload/{session}", **_standing(world, kept)})


def _wanted(request: Request) -> Json:
    if not request.body:
        return {}
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    known: dict[str, fields.Check] = {"item": fields.mapping}
    if request.media_type != "application/json" or not isinstance(body, dict):
        raise _failure(400, "invalidRequest", "The body must be a JSON object.")
    item: Json = body.get("item", {})
    wrong = fields.unknown(body, known) + fields.ill_typed(body, known)
    wrong = wrong or fields.unknown(item, _ITEM) + fields.ill_typed(item, _ITEM)
    if wrong:
        raise _failure(400, "invalidRequest", f"{wrong[0]}: unknown here, or ill-typed.")
    return item


def _standing(world: World, session: Json) -> Json:
    session["expires"] = (world.now() + _SESSION_LIFE).isoformat()
    return {"expirationDateTime": session["expires"], "nextExpectedRanges": [f"{session['offset']}-"]}


def _session(world: World, name: str) -> Json:
    session: Json | None = world.state["onedrive"]["sessions"].get(name)
    if session is None or _past(world, session["expires"]):
        raise _failure(404, "itemNotFound", "The upload session was not found.")
    return session


@routes.on("PUT", "/v1.0/__upload/{name}")
def _put(world: World, request: Request, name: str) -> Response:
    session = _session(world, name)
    match = _CONTENT_RANGE.fullmatch(request.headers.get("content-range", ""))
    if match is None:
        raise _failure(400, "invalidRequest", "The Content-Range header is missing or not understood.")
    first, last, total = map(int, match.groups())
    if len(request.body) != last + 1 - first or last >= total or total != (session["size"] or total):
        raise _failure(400, "invalidRequest", "Content-Range, length and size of the file do not agree.")
    if len(request.body) >= _FRAGMENT_LIMIT:
        raise _failure(400, "invalidRequest", "A fragment must be smaller than 60 MiB.")
    if first != session["offset"]:
        raise _failure(416, "invalidRange", "Optimistic concurrency failure during fragmented upload.")
    if last + 1 < total and len(request.body) % _MULTIPLE:
        raise _failure(400, "invalidRequest", "A fragment must be a multiple of 320 KiB.")
    session["size"] = total
    with world.blob(name).open("r+b") as blob:
        # A sandbox killed between the write and its snapshot has written more than it knows of.
        blob.truncate(first)
        blob.seek(first)
        blob.write(request.body)
    session["offset"] = last + 1
    if last + 1 < total:
        return json_response(202, _standing(world, session))
    del world.state["onedrive"]["sessions"][name]
    return _commit(world, request, session["path"], name)


@routes.on("GET", "/v1.0/__upload/{name}")
def _upload_standing(world: World, _request: Request, name: str) -> Response:
    return json_response(200, _standing(world, _session(world, name)))


@routes.on("DELETE", "/v1.0/__upload/{name}")
def _give_up(world: World, _request: Request, name: str) -> Response:
    _session(world, name)
    del world.state["onedrive"]["sessions"][name]
    world.blob(name).unlink(missing_ok=True)
    return Response(204, {}, b"")


def _commit(world: World, request: Request, path: str, blob: str) -> Response:
    items = world.state["onedrive"]["items"]
    former: Json | None = items.get(path.lower())
    number = world.next_number("onedrive.change")
    kept = {
        "id": former["id"] if former else f"01SANDBOX{world.next_number('onedrive.item'):024d}",
        "path": path,
        "size": world.blob(blob).stat().st_size,
        "hash": quick_xor_hash(world.blob(blob)),
        "blob": blob,
        # The vendor keeps versions; they go with the item.
        "older": [*former["older"], former["blob"]] if former else [],
        "etag": f'"{{SANDBOX}},{number}"',
        "created": former["created"] if former else world.stamp(),
        "modified": world.stamp(),
    }
    items[path.lower()] = kept
    return json_response(200 if former else 201, _item(world, request, kept))


def quick_xor_hash(path: Path) -> str:
    """The vendor's hash of a file: byte i is XORed at bit 11 × i into a ring of 160 bits, the length at its end."""
    rows, length = 0, 0
    with path.open("rb") as source:
        while row := source.read(160):
            rows ^= int.from_bytes(row, "big") << 8 * (160 - len(row))
            length += len(row)
    ring = bytearray(20)
    for i, byte in enumerate(rows.to_bytes(160, "big")):
        at, by = divmod(11 * i % 160, 8)
        ring[at] ^= (byte << by) & 0xFF
        ring[(at + 1) % 20] ^= byte >> (8 - by)
    for i, byte in enumerate(length.to_bytes(8, "little")):
        ring[12 + i] ^= byte
    return base64.b64encode(ring).decode()


# -- deleting


@routes.on("POST", "/v1.0/drives/{drive}/items/{item}/permanentDelete")
def _permanently_delete(world: World, request: Request, item: str) -> Response:
    if request.body:
        raise _failure(400, "invalidRequest", "This takes no body.")
    items = world.state["onedrive"]["items"]
    for path, kept in items.items():
        if kept["id"] == item:
            for blob in (kept["blob"], *kept["older"]):
                world.blob(blob).unlink(missing_ok=True)
            del items[path]
            return Response(204, {}, b"")
    raise _failure(404, "itemNotFound", "The resource could not be found.")
