"""Several new rows in one statement, for the few paths where a round trip and a query build for each is too dear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Model


def insert(
    row: Model, *, sources: dict[str, str] | None = None, leave_out: Sequence[str] = ()
) -> tuple[str, list[Any]]:
    """An INSERT of one unsaved row, to stand in a WITH clause, and its parameters.

    `sources`: column -> expression, for values that another part of the statement gives ("client.id"); the caller adds
    FROM, ON CONFLICT and RETURNING. The primary key is left to the database unless `sources` names it."""
    sources = sources or {}
    columns, values, params = [], [], []
    for field in row._meta.concrete_fields:
        if field.column in leave_out or (field.primary_key and field.column not in sources):
            continue
        columns.append(f'"{field.column}"')
        if field.column in sources:
            values.append(sources[field.column])
            continue
        values.append("%s" if field.cast_db_type(connection) is None else f"%s::{field.cast_db_type(connection)}")
        params.append(field.get_db_prep_save(field.pre_save(row, True), connection))
    table = row._meta.db_table
    return f'INSERT INTO "{table}" ({", ".join(columns)}) SELECT {", ".join(values)}', params


def stored(row: Model, pk: int) -> None:
    """The database has the row now, under this number."""
    row.pk = pk
    row._state.adding, row._state.db = False, "default"
