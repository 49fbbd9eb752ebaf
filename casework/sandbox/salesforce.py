"""Salesforce's REST API: one org behind its My Domain, with sign-in, records, queries, composite and mail.

A session ends two hours after it was given. Every answer says how much of the org's allowance of requests is used;
over it everything is refused. Unknown parameters, headers of ours that Salesforce would not take and wrong values are
refused. What happens in one request happens wholly or not at all.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from casework.sandbox import salesforce_query, salesforce_records
from casework.sandbox.http import Json, Refusal, Request, Response, json_response
from casework.sandbox.routing import Routes
from casework.sandbox.salesforce_composite import run
from casework.sandbox.salesforce_records import ROBOT, requesting
from casework.sandbox.salesforce_schema import Problem, described, kept_id, long_id, object_of

if TYPE_CHECKING:
    from casework.sandbox.world import World

routes = Routes()
_DATA = "/services/data/{version}"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SESSION = timedelta(hours=2)
_DONE = Response(204, {}, b"")
_ORG = long_id("00DRM0000000001")
_VERSION = re.compile(r"v[1-9]\d\.0")
_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")


def empty() -> Json:
    """The state of a new org."""
    return salesforce_records.empty()


def answer(world: World, request: Request) -> Response:
    """The org's answer to a request."""
    try:
        # Independent clients write a slash behind a resource's name.
        found = routes.find(request.method, request.path.rstrip("/"))
        if found is None:
            raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)
        handler, placeholders = found
        if "version" not in placeholders:
            return handler(world, request, **placeholders)
        return _counted(world, _demand(world, request, placeholders.pop("version"), handler, placeholders))
    except Problem as problem:
        return _counted(world, problem.refusal().response)
    except Refusal as refusal:
        return refusal.response


def trust(world: World, certificate: str) -> None:
    """An administrator gives the connected app the public key (PEM) that signs its assertions."""
    world.state["salesforce"]["certificate"] = certificate


def _demand(world: World, request: Request, version: str, handler: Any, placeholders: dict[str, str]) -> Response:
    org = world.state["salesforce"]
    if not _VERSION.fullmatch(version):
        raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    until = org["tokens"].get(token) if scheme in ("Bearer", "OAuth") else None
    if until is None or datetime.fromisoformat(until) <= world.now():
        raise Problem("INVALID_SESSION_ID", "Session expired or invalid", status=401)
    if org["used"] >= org["allowed"]:
        raise Problem("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
    org["used"] += 1
    org["version"] = version
    response: Response = handler(world, request, **placeholders)
    return response


def _counted(world: World, response: Response) -> Response:
    org = world.state["salesforce"]
    info = {"Sforce-Limit-Info": f"api-usage={org['used']}/{org['allowed']}"}
    return Response(response.status, {**response.headers, **info}, response.body)


# -- sign-in


def _oauth(status: int, error: str, description: str) -> Refusal:
    return Refusal(json_response(status, {"error": error, "error_description": description}))


@routes.on("POST", "/services/oauth2/token")
def _token(world: World, request: Request) -> Response:
    if request.media_type != "application/x-www-form-urlencoded":
        raise _oauth(400, "unsupported_grant_type", "grant type not supported")
    form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    scheme, _, pair = request.headers.get("authorization", "").partition(" ")
    if scheme == "Basic":
        form["client_id"], _, form["client_secret"] = _bytes(pair).decode().partition(":")
    grants = {"client_credentials": _by_secret, _GRANT: _by_assertion}
    sign_in = grants.get(form.get("grant_type", ""))
    if sign_in is None:
        raise _oauth(400, "unsupported_grant_type", "grant type not supported")
    sign_in(world, form)
    number = world.next_number("salesforce.token")
    token = f"{_ORG[:15]}!AQ.sandbox.{number:06d}"
    world.state["salesforce"]["tokens"][token] = (world.now() + _SESSION).isoformat()
    given = {
        "access_token": token,
        "instance_url": request.base,
        "id": f"https://login.salesforce.com/id/{_ORG}/{ROBOT}",
        "token_type": "Bearer",
        "issued_at": str(int(world.now().timestamp() * 1000)),
        "signature": base64.b64encode(token.encode()).decode(),
        "scope": "api",
    }
    return json_response(200, given)


def _by_secret(world: World, form: dict[str, str]) -> None:
    known = world.state["credentials"]
    if form.get("client_id") != known["salesforce_client_id"]:
        raise _oauth(400, "invalid_client_id", "client identifier invalid")
    if form.get("client_secret") != known["salesforce_client_secret"]:
        raise _oauth(400, "invalid_client", "invalid client credentials")


def _by_assertion(world: World, form: dict[str, str]) -> None:
    """RFC 7523, checked without the library that clients make assertions with."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    known, certificate = world.state["credentials"], world.state["salesforce"]["certificate"]
    if set(form) != {"grant_type", "assertion"} or form["assertion"].count(".") != 2:
        raise _oauth(400, "invalid_grant", "invalid assertion")
    signed, _, signature = form["assertion"].rpartition(".")
    try:
        header, claims = (json.loads(_bytes(part)) for part in signed.split("."))
        key = serialization.load_pem_public_key((certificate or "").encode())
        if header.get("alg") != "RS256" or not isinstance(key, rsa.RSAPublicKey):
            raise ValueError("RS256 with an RSA key")
        key.verify(_bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        raise _oauth(400, "invalid_grant", "invalid assertion") from None
    now = world.now().timestamp()
    if claims.get("iss") != known["salesforce_client_id"]:
        raise _oauth(400, "invalid_client_id", "client identifier invalid")
    if claims.get("aud") not in _AUDIENCES:
        raise _oauth(400, "invalid_grant", "audience is invalid")
    until = str(claims.get("exp"))  # clients write it as a number or as its digits
    if not until.isdigit() or not now < int(until) <= now + 181:
        raise _oauth(400, "invalid_grant", "assertion is not within its time")
    if claims.get("sub") != known["salesforce_username"]:
        raise _oauth(400, "invalid_grant", "user hasn't approved this consumer")


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@routes.on("POST", "/services/oauth2/revoke")
def _revoke(world: World, request: Request) -> Response:
    form = dict(parse_qsl(request.body.decode()))
    if world.state["salesforce"]["tokens"].pop(form.get("token", ""), None) is None:
        raise _oauth(400, "unsupported_token_type", "this token type is not supported")
    return Response(200, {}, b"")


# -- reading


def _parameters(request: Request, *known: str) -> None:
    if surplus := sorted({name for name, _ in request.query} - set(known)):
        raise Problem("INVALID_QUERY_PARAMETER", f"The query parameter '{surplus[0]}' is unknown here.")


@routes.on("GET", "/services/data")
def _versions(_world: World, _request: Request) -> Response:
    version = {"label": "Summer '25", "url": "/services/data/v64.0", "version": "64.0"}
    return json_response(200, [version])


@routes.on("GET", f"{_DATA}/limits")
def _limits(world: World, request: Request) -> Response:
    _parameters(request)
    org = world.state["salesforce"]
    daily = {"Max": org["allowed"], "Remaining": org["allowed"] - org["used"]}
    return json_response(200, {"DailyApiRequests": daily})


@routes.on("GET", f"{_DATA}/query")
def _query(world: World, request: Request) -> Response:
    _parameters(request, "q")
    query = request.parameter("q")
    if query is None:
        raise Problem("MALFORMED_QUERY", "SOQL statements cannot be empty or null")
    size = world.state["salesforce"]["page"]
    if asked := re.search(r"batchSize=(\d+)", request.headers.get("sforce-query-options", "")):
        size = min(size, max(200, int(asked.group(1))))
    found = salesforce_query.find(world, query)
    if len(found) <= size:
        return json_response(200, {"totalSize": len(found), "done": True, "records": found})
    cursor = f"0r8RM{world.next_number('salesforce.cursor'):013d}"
    world.state["salesforce"]["cursors"][cursor] = {"records": found, "size": size}
    return _page(world, cursor, 0)


@routes.on("GET", f"{_DATA}/query/{{locator}}")
def _more(world: World, request: Request, locator: str) -> Response:
    _parameters(request)
    cursor, _, start = locator.rpartition("-")
    if cursor not in world.state["salesforce"]["cursors"] or not start.isdigit():
        raise Problem("INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(world, cursor, int(start))


def _page(world: World, cursor: str, start: int) -> Response:
    kept = world.state["salesforce"]["cursors"][cursor]
    records, end = kept["records"], start + kept["size"]
    page: Json = {"totalSize": len(records), "done": end >= len(records), "records": records[start:end]}
    if not page["done"]:
        version = world.state["salesforce"]["version"]
        page["nextRecordsUrl"] = f"/services/data/{version}/query/{cursor}-{end}"
    return json_response(200, page)


@routes.on("GET", f"{_DATA}/sobjects/{{name}}/describe")
def _describe(world: World, request: Request, name: str) -> Response:
    _parameters(request)
    return json_response(200, described(object_of(world, name)))


@routes.on("GET", f"{_DATA}/sobjects/{{name}}/{{record}}")
def _retrieve(world: World, request: Request, name: str, record: str) -> Response:
    _parameters(request, "fields")
    of = object_of(world, name)
    found = salesforce_records.get(world, of, unquote(record))
    asked = request.parameter("fields")
    if asked is None:
        whole = salesforce_records.shown(world, of, found)
        return json_response(200, {**whole, "Id": found["Id"]})
    lower = {one.lower(): one for one in ("Id", *of["fields"])}
    names = [lower.get(one.lower()) for one in asked.split(",")]
    if None in names:
        raise Problem("INVALID_FIELD", f"No such column on sobject of type {of['name']}")
    return json_response(200, salesforce_records.shown(world, of, found, [one for one in names if one]))


@routes.on("GET", f"{_DATA}/sobjects/{{name}}/{{field}}/{{value}}")
def _retrieve_by(world: World, request: Request, name: str, field: str, value: str) -> Response:
    _parameters(request)
    of = object_of(world, name)
    column = next((one for one in of["fields"] if one.lower() == field.lower()), None)
    if column is None or not of["fields"][column].get("external_id"):
        raise Problem("NOT_FOUND", "Provided external ID field does not exist or is not accessible", status=404)
    wanted = unquote(value).lower()
    for one in world.state["salesforce"]["records"][of["name"]].values():
        if (one[column] or "").lower() == wanted:
            return json_response(200, {**salesforce_records.shown(world, of, one), "Id": one["Id"]})
    raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)


# -- changing


@contextmanager
def _changing(world: World, request: Request) -> Iterator[tuple[salesforce_records.Request, Json]]:
    _parameters(request)
    if request.media_type != "application/json":
        raise Problem("UNSUPPORTED_MEDIA_TYPE", "The content type must be application/json", status=415)
    try:
        given = json.loads(request.body)
    except ValueError:
        raise Problem("JSON_PARSER_ERROR", "The body is no JSON") from None
    if not isinstance(given, dict) or not given:
        raise Problem("JSON_PARSER_ERROR", "The body must be a JSON object with at least one field")
    with requesting(world, ROBOT) as one:
        yield one, given


@routes.on("POST", f"{_DATA}/sobjects/{{name}}")
def _create(world: World, request: Request, name: str) -> Response:
    with _changing(world, request) as (one, given):
        made = salesforce_records.create(one, name, given)
        return json_response(201, {"id": made["Id"], "success": True, "errors": []})


@routes.on("PATCH", f"{_DATA}/sobjects/{{name}}/{{record}}")
def _update(world: World, request: Request, name: str, record: str) -> Response:
    with _changing(world, request) as (one, given):
        found = salesforce_records.get(world, object_of(world, name), record)
        _demand_unmodified(request, found)
        salesforce_records.update(one, name, found, given)
        return _DONE


def _demand_unmodified(request: Request, record: Json) -> None:
    """The record's last change is compared by whole seconds, as a date of HTTP has them."""
    given = request.headers.get("if-unmodified-since")
    if given is None:
        return
    try:
        until = parsedate_to_datetime(given)
    except ValueError:
        raise Problem("INVALID_HEADER_VALUE", "If-Unmodified-Since is no date of HTTP") from None
    if datetime.fromisoformat(record["LastModifiedDate"]) > until:
        what = "The record was modified after the date of If-Unmodified-Since."
        raise Problem("PRECONDITION_FAILED", what, status=412)


@routes.on("PATCH", f"{_DATA}/sobjects/{{name}}/{{field}}/{{value}}")
def _upsert(world: World, request: Request, name: str, field: str, value: str) -> Response:
    with _changing(world, request) as (one, given):
        found = salesforce_records.upsert(one, name, field, unquote(value), given)
        if isinstance(found, list):
            kind = object_of(world, name)["name"]
            version = world.state["salesforce"]["version"]
            return json_response(300, [f"/services/data/{version}/sobjects/{kind}/{other['Id']}" for other in found])
        record, created = found
        body = {"id": record["Id"], "success": True, "errors": [], "created": created}
        return json_response(201 if created else 200, body)


@routes.on("POST", f"{_DATA}/composite")
def _composite(world: World, request: Request) -> Response:
    return json_response(200, {"compositeResponse": run(world, _body(request))})


def _body(request: Request) -> Json:
    _parameters(request)
    try:
        given = json.loads(request.body)
    except ValueError:
        raise Problem("JSON_PARSER_ERROR", "The body is no JSON") from None
    if request.media_type != "application/json" or not isinstance(given, dict):
        raise Problem("JSON_PARSER_ERROR", "The body must be a JSON object")
    return given


_INPUTS = {
    "emailAddresses", "emailSubject", "emailBody", "recipientId", "relatedRecordId", "logEmailOnSend", "sendRichBody",
    "senderType", "senderAddress", "addThreadingTokenToSubject", "addThreadingTokenToBody", "useLineBreaks",
}  # fmt: skip


@routes.on("POST", f"{_DATA}/actions/standard/emailSimple")
def _email(world: World, request: Request) -> Response:
    given = _body(request).get("inputs")
    if not isinstance(given, list) or len(given) != 1 or not isinstance(given[0], dict):
        raise Problem("INVALID_ARGUMENT_TYPE", "inputs: a list of one set of inputs")
    asked = given[0]
    if surplus := sorted(set(asked) - _INPUTS):
        raise Problem("INVALID_ARGUMENT_TYPE", f"The action has no input '{surplus[0]}'")
    if not asked.get("emailSubject") or not asked.get("emailBody"):
        raise Problem("MISSING_ARGUMENT", "Missing required input parameter: emailSubject or emailBody")
    org = world.state["salesforce"]
    to = org["records"]["Contact"].get(kept_id(asked.get("recipientId")))
    address = asked.get("emailAddresses") if to is None else to["Email"]
    related = kept_id(asked.get("relatedRecordId"))
    case = org["records"]["Case"].get(related)
    problem = None
    if not address or ("recipientId" in asked and to is None):
        problem = "There is nobody to send the mail to."
    if asked.get("senderType") == "OrgWideEmailAddress" and asked.get("senderAddress") not in org["senders"]:
        problem = "The sender is no address of the organization."
    if asked.get("logEmailOnSend") and case is None:
        problem = "The record to log the mail on does not exist."
    if problem is not None:
        error = {"statusCode": "INVALID_INPUT", "message": problem, "fields": []}
        acted = {"actionName": "emailSimple", "errors": [error], "isSuccess": False, "outputValues": None}
        return json_response(400, [acted])
    with requesting(world, ROBOT) as one:
        subject = asked["emailSubject"]
        if asked.get("addThreadingTokenToSubject") and case is not None:
            subject += f" [ thread::{case['CaseNumber']}:: ]"
        org["sent"].append({"to": address, "subject": subject, "text": asked["emailBody"], "at": world.stamp()})
        if asked.get("logEmailOnSend") and case is not None:
            salesforce_records.send_mail(one, case["Id"], subject, asked["emailBody"])
    return json_response(200, [{"actionName": "emailSimple", "errors": None, "isSuccess": True, "outputValues": None}])
