"""Whether this process is up, and whether it can work."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from casework import schema
from casework.delivery import links
from casework.engine import EngineAway
from casework.gateway.parts import Gateway

__all__ = ["router"]


def router(gateway: Gateway) -> APIRouter:
    """`/health` and `/ready`."""
    routes = APIRouter()

    @routes.get("/health")
    def health() -> Response:
        return JSONResponse({"status": "up"})

    @routes.get("/ready")
    def ready() -> Response:
        problems = {"database": _database(gateway), "engine": _engine(gateway)}
        missing = {name: problem for name, problem in problems.items() if problem is not None}
        if missing:
            return JSONResponse({"status": "not ready", "problems": missing}, 503, {"Retry-After": "5"})
        return JSONResponse({"status": "ready"})

    return routes


def _database(gateway: Gateway) -> str | None:
    try:
        present = set(inspect(gateway.runtime.files.engine).get_table_names())
    except SQLAlchemyError as error:
        return f"The case database does not answer ({type(error).__name__}). Is it running?"
    missing = sorted({*schema.metadata.tables, *links.metadata.tables} - present)
    if missing:
        return f"The case database lacks {', '.join(missing)}: migrate it to this release."
    return None


def _engine(gateway: Gateway) -> str | None:
    try:
        gateway.runtime.engine.cancelled_runs(timedelta(seconds=1))
    except EngineAway as away:
        return str(away)
    return None
