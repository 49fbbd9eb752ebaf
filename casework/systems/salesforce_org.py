"""Records of one org read as our models and written by our names, whatever the org calls its objects and fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from casework.systems import soql
from casework.systems.salesforce_faults import Duplicate
from casework.systems.salesforce_names import Names
from casework.systems.salesforce_rest import Change, SalesforceRest, Upserted, creating, updating

__all__ = ["Org", "comment_on"]

M = TypeVar("M", bound=BaseModel)

COMMENT_MOST = 4000
"""Characters in a case comment."""
_REFERENCE_MOST = 80


class Org:
    """The org behind `rest`, which calls things as `names` says. Objects and fields are given by our names."""

    def __init__(self, rest: SalesforceRest, names: Names) -> None:
        self.rest = rest
        self.names = names

    def read(self, operation: str, model: type[M], kind: str, record_id: str) -> M:
        """A record. Raises `NotFound`."""
        found = self.rest.record(operation, self.names.object(kind), record_id, self._fields(model, kind))
        return self._model(operation, model, kind, found)

    def find(
        self, operation: str, model: type[M], kind: str, *conditions: str, order: str = "CreatedDate ASC"
    ) -> Iterator[M]:
        """The records that meet all conditions, which are made with the names that `field` gives."""
        query = soql.select(self._fields(model, kind), self.names.object(kind), *conditions, order=order)
        for record in self.rest.query(operation, query):
            yield self._model(operation, model, kind, record)

    def field(self, kind: str, ours: str) -> str:
        """A field as the org calls it."""
        return self.names.field(kind, ours)

    def update(
        self,
        operation: str,
        kind: str,
        record_id: str,
        values: Mapping[str, Any],
        *,
        unchanged_since: datetime | None = None,
    ) -> None:
        """Set those of the values that are not None. Repeatable. Raises ValueError when there is none.

        `unchanged_since` as for `SalesforceRest.update`.
        """
        given = self._values(kind, values)
        if not given:
            raise ValueError("Name at least one field to set")
        self.rest.update(operation, self.names.object(kind), record_id, given, unchanged_since=unchanged_since)

    def upsert(self, operation: str, kind: str, reference: str, values: Mapping[str, Any]) -> Upserted:
        """Make the record with this `External_Id__c`, or find it; either way it has these values then. Repeatable.

        Raises ValueError for a reference that is empty, has blanks or slashes in it, or is longer than 80 characters.
        """
        by = self.field(kind, "External_Id__c")
        given = self._values(kind, values)
        return self.rest.upsert(operation, self.names.object(kind), by, _referenced(reference), given)

    def create(self, operation: str, kind: str, reference: str, values: Mapping[str, Any]) -> str | None:
        """Make the record with this `External_Id__c`: its id, or None when there is one, which stays as it is.

        After `Temporary` with `maybe_done` again: what is there then may be this one. Raises ValueError as `upsert`.
        """
        given = self._values(kind, {**values, "External_Id__c": _referenced(reference)})
        try:
            return self.rest.create(operation, self.names.object(kind), given)
        except Duplicate:
            return None

    def change(self, part: str, kind: str, record_id: str, values: Mapping[str, Any]) -> Change:
        """One of several changes: set those of the values that are not None."""
        return updating(part, self.names.object(kind), record_id, self._values(kind, values))

    def commented(self, operation: str, case_id: str, text: str, change: Change) -> str:
        """Comment on a case, for colleagues, and change something, in one request: both or neither; the comment's id.

        The comment goes first: an org's rule that wants one looks for it when the change comes. Not repeatable:
        after `Temporary` with `maybe_done` look for the comment first. Raises `PartRefused`.
        """
        made, _ = self.rest.together(operation, comment_on(case_id, text, public=False), change)
        if made is None:
            raise RuntimeError("A comment that was made has no id")
        return made

    def _fields(self, model: type[BaseModel], kind: str) -> list[str]:
        return [self.names.field(kind, str(field.alias)) for field in model.model_fields.values()]

    def _model(self, operation: str, model: type[M], kind: str, record: Mapping[str, Any]) -> M:
        ours = {self.names.field(kind, str(one.alias)): str(one.alias) for one in model.model_fields.values()}
        return self.rest.typed(operation, model, {ours.get(name, name): value for name, value in record.items()})

    def _values(self, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {self.names.field(kind, name): value for name, value in values.items() if value is not None}


def _referenced(reference: str) -> str:
    if not 0 < len(reference) <= _REFERENCE_MOST or any(one.isspace() or one in "/\\%" for one in reference):
        raise ValueError("A reference has 1 to 80 characters, without blanks, slashes and '%'")
    return reference


def comment_on(case_id: str, text: str, *, public: bool) -> Change:
    """A comment on a case, as one of several changes. Raises ValueError when it is empty or too long."""
    if not 0 < len(text) <= COMMENT_MOST:
        raise ValueError(f"A case comment has 1 to {COMMENT_MOST} characters, not {len(text)}")
    values = {"ParentId": case_id, "CommentBody": text, "IsPublished": public}
    return creating("the comment", "CaseComment", values)
