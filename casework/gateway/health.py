"""Whether this process is up, and whether it can serve.

It serves while the engine is away: answers, hooks and downloads need the case database alone. So readiness does not
ask the engine, lest an orchestrator close the door to everybody for as long as its server is down.
"""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from casework import schema
from casework.delivery import links
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
        problem = _database(gateway)
        if problem is not None:
            return JSONResponse({"status": "not ready", "problems": {"database": problem}}, 503, {"Retry-After": "5"})
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
