"""Files and their revisions as Dropbox keeps them: paths without case, soft deletion, content hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from casework.sandbox.http import Json, Refusal, json_response

if TYPE_CHECKING:
    from casework.sandbox.world import World

_BLOCK = 4 * 1024 * 1024


class WriteConflict(Exception):
    """The path cannot be written; carries Dropbox's WriteError."""

    def __init__(self, reason: Json) -> None:
        super().__init__(reason[".tag"])
        self.reason = reason


def failure(error: Json) -> Refusal:
    """409 with Dropbox's `error_summary`: the tags of the error from outside in."""
    tags: list[str] = []
    inner: Any = error
    while isinstance(inner, dict) and ".tag" in inner:
        tags.append(inner[".tag"])
        inner = inner.get(inner[".tag"], inner.get("reason"))
    return Refusal(json_response(409, {"error_summary": "/".join(tags) + "/...", "error": error}))


def block_digests(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The SHA-256 digest of each block of 4 MiB; the last block may be shorter."""
    block, room = hashlib.sha256(), _BLOCK
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            part, view = view[:room], view[room:]
            block.update(part)
            room -= len(part)
            if room == 0:
                yield block.digest()
                block, room = hashlib.sha256(), _BLOCK
    if room < _BLOCK:
        yield block.digest()


def content_hash(chunks: Iterable[bytes]) -> str:
    """Dropbox's content hash: SHA-256 over the SHA-256 digests of 4 MiB blocks."""
    return hashlib.sha256(b"".join(block_digests(chunks))).hexdigest()


def grow(path: Path, session: Json, body: bytes) -> None:
    """Append to a session's blob; the digests of its blocks are kept as long as each begins a request.

    So a large file need not be read once more when it is finished, while every other request waits.
    """
    with path.open("r+b") as blob:
        # A sandbox killed between the append and its snapshot has written more than it knows of.
        blob.truncate(session["offset"])
        blob.seek(session["offset"])
        blob.write(body)
    if session["blocks"] is not None and body:
        aligned = session["offset"] % _BLOCK == 0
        session["blocks"] = session["blocks"] + b"".join(block_digests([body])).hex() if aligned else None
    session["offset"] += len(body)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while chunk := source.read(1024 * 1024):
            yield chunk


def new_blob(world: World) -> str:
    """The name of a blob nobody has used; also serves as an upload session's id."""
    return f"pid_upload_session_{world.next_number('dropbox.blob'):012d}"


def next_rev(world: World) -> str:
    """A revision id: hexadecimal, at least nine digits."""
    return f"{0x5F0000000000 + world.next_number('dropbox.rev'):x}"


def locate(world: World, path: str, *, deleted: bool = False, wrap: str = "path") -> Json:
    """The file at a path, id or revision; 409 not_found (inside `wrap`) when there is none to see."""
    for file in world.state["dropbox"]["files"].values():
        revs = {f"rev:{revision['rev']}" for revision in file["revisions"]}
        if path.lower() == file["path_lower"] or path == file["id"] or path in revs:
            if file["deleted"] and not deleted:
                break
            found: Json = file
            return found
    raise failure({".tag": wrap, wrap: {".tag": "not_found"}})


def revision(file: Json, path: str, rev: str | None) -> Json:
    """The revision that a download asks for: the named one, else the newest."""
    wanted = rev or (path.removeprefix("rev:") if path.startswith("rev:") else None)
    for kept in file["revisions"]:
        if wanted in (None, kept["rev"]) and (wanted is not None or kept is file["revisions"][-1]):
            found: Json = kept
            return found
    raise failure({".tag": "path", "path": {".tag": "not_found"}})


def metadata(file: Json, kept: Json | None = None) -> Json:
    """FileMetadata of a revision (the newest when none is given), without its tag."""
    kept = kept or file["revisions"][-1]
    return {
        "name": file["path_display"].rsplit("/", 1)[-1],
        "path_lower": file["path_lower"],
        "path_display": file["path_display"],
        "id": file["id"],
        "client_modified": kept["client_modified"],
        "server_modified": kept["server_modified"],
        "rev": kept["rev"],
        "size": kept["size"],
        "is_downloadable": True,
        "content_hash": kept["content_hash"],
    }


def deleted_metadata(file: Json) -> Json:
    """DeletedMetadata: what a soft-deleted path shows."""
    return {
        ".tag": "deleted",
        "name": file["path_display"].rsplit("/", 1)[-1],
        "path_lower": file["path_lower"],
        "path_display": file["path_display"],
    }


def commit(world: World, given: Json, blob: str, blocks: str | None = None) -> Json:
    """Makes an uploaded blob the newest revision of its path; returns its metadata.

    `blocks`: the digests of its blocks, in hex, when they are known.

    Raises:
        WriteConflict: the mode forbids writing over what is there.
    """
    path, files = given["path"], world.state["dropbox"]["files"]
    size = world.blob(blob).stat().st_size
    known = None if blocks is None else hashlib.sha256(bytes.fromhex(blocks)).hexdigest()
    digest = known or content_hash(_read(world.blob(blob)))
    file: Json | None = files.get(path.lower())
    if file is not None and not file["deleted"]:
        newest = file["revisions"][-1]
        mode = given.get("mode", "add")
        mode, base = (mode.get(".tag"), mode.get("update")) if isinstance(mode, dict) else (mode, None)
        if newest["content_hash"] == digest and not given.get("strict_conflict") and mode != "overwrite":
            world.blob(blob).unlink()
            return metadata(file)
        if mode == "add" or (mode == "update" and base != newest["rev"]):
            if not given.get("autorename"):
                raise WriteConflict({".tag": "conflict", "conflict": {".tag": "file"}})
            path = _free_name(files, path)
            file = files.get(path.lower())
    if file is None:
        file = {
            "id": f"id:sandbox{world.next_number('dropbox.file'):015d}",
            "path_lower": path.lower(),
            "path_display": path,
            "deleted": False,
            "deleted_at": None,
            "revisions": [],
        }
        files[path.lower()] = file
    stamp = world.stamp()
    file["deleted"], file["deleted_at"] = False, None
    file["revisions"].append(
        {
            "rev": next_rev(world),
            "size": size,
            "content_hash": digest,
            "blob": blob,
            "client_modified": given.get("client_modified") or stamp,
            "server_modified": stamp,
        }
    )
    return metadata(file)


def _free_name(files: dict[str, Json], path: str) -> str:
    stem, dot, ending = path.rpartition(".") if "." in path.rsplit("/", 1)[-1] else (path, "", "")
    number = 1
    while (name := f"{stem} ({number}){dot}{ending}").lower() in files:
        number += 1
    return name


def forget(world: World, file: Json) -> None:
    """Removes a file, all its revisions and their contents for good."""
    for blob in {kept["blob"] for kept in file["revisions"]}:
        world.blob(blob).unlink(missing_ok=True)
    del world.state["dropbox"]["files"][file["path_lower"]]
