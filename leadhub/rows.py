"""Rows in and out by plain SQL, for the path of a message: there, building the queries cost more than running them.

The SQL is made from the models, once a process; everywhere else the ORM does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    DateTimeField,
    Field,
    ForeignKey,
    IntegerField,
    Model,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    SmallIntegerField,
    TextField,
)

_PLAIN = {AutoField, BigAutoField, BigIntegerField, BooleanField, CharField, DateTimeField, IntegerField}
_PLAIN |= {PositiveIntegerField, PositiveSmallIntegerField, SmallIntegerField, TextField}

_Written = tuple[Field, bool]  # whether its value may be handed on as it is


def insert(*rows: Model, sources: tuple[tuple[str, str], ...] = ()) -> tuple[str, list[Any]]:
    """An INSERT of unsaved rows of one model, up to its VALUES or SELECT, and its parameters.

    `sources`: (column, expression) for values that another part of the statement gives ("client.id"); then there is one
    row, and the caller adds FROM. ON CONFLICT and RETURNING are the caller's too. The primary key is left to the
    database unless `sources` names it."""
    head, values, fields = _insertion(type(rows[0]), sources)
    params = [_value(row, *each, is_new=True) for row in rows for each in fields]
    return head + (f"SELECT {values}" if sources else "VALUES " + ", ".join([f"({values})"] * len(rows))), params


@cache
def _insertion(model: type[Model], sources: tuple[tuple[str, str], ...]) -> tuple[str, str, tuple[_Written, ...]]:
    given = dict(sources)
    columns, values, fields = [], [], []
    for field in model._meta.concrete_fields:
        if field.primary_key and field.column not in given:
            continue
        columns.append(f'"{field.column}"')
        if field.column in given:
            values.append(given[field.column])
        else:
            kind = field.cast_db_type(connection)
            values.append(f"%s::{kind}" if kind else "%s")
            fields.append((field, _is_plain(field)))
    return f'INSERT INTO "{model._meta.db_table}" ({", ".join(columns)}) ', ", ".join(values), tuple(fields)


def store(row: Model) -> None:
    """Insert one row and give it its number."""
    sql, params = insert(row)
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} RETURNING id", params)
        stored(row, cursor.fetchone()[0])


def stored(row: Model, pk: int) -> None:
    """The database has the row now, under this number."""
    row.pk = pk
    row._state.adding, row._state.db = False, "default"


def update(row: Model, *names: str) -> tuple[str, list[Any]]:
    """An UPDATE of these fields of one stored row, and its parameters."""
    head, fields = _updating(type(row), names)
    return head, [*(_value(row, *each, is_new=False) for each in fields), row.pk]


def _value(row: Model, field: Field, is_plain: bool, *, is_new: bool) -> Any:
    return getattr(row, field.attname) if is_plain else field.get_db_prep_save(field.pre_save(row, is_new), connection)


def _is_plain(field: Field) -> bool:
    """Whether the field, one of Django's own simple kinds, only hands on a value that is right."""
    target = field.target_field if isinstance(field, ForeignKey) else field
    return (
        type(target) in _PLAIN and not getattr(target, "auto_now", False) and not getattr(target, "auto_now_add", False)
    )


@cache
def _updating(model: type[Model], names: tuple[str, ...]) -> tuple[str, tuple[_Written, ...]]:
    named = [model._meta.get_field(name) for name in names]
    fields = tuple((field, _is_plain(field)) for field in named)
    values = ", ".join(f'"{field.column}" = %s::{field.cast_db_type(connection)}' for field, _ in fields)
    return f'UPDATE "{model._meta.db_table}" SET {values} WHERE id = %s', fields  # noqa: S608 - names of our models


@cache
def columns(model: type[Model], alias: str, *only: str) -> str:
    """Columns of a model (all, or these fields and its number), to be selected from `alias` and read by `build()`."""
    return ", ".join(f'{alias}."{field.column}"' for field in _fields(model, only))


def build(values: Sequence[Any], *models: type[Model] | tuple[Any, ...]) -> list[Any]:
    """Instances out of one result row that holds the `columns()` of these models one after the other; a model with
    the fields that were selected comes as (model, "field", ...). None where an outer join found nothing."""
    found, start = [], 0
    for each in models:
        model, *only = each if isinstance(each, tuple) else (each,)
        names, converters = _reading(model, tuple(only))
        mine = list(values[start : start + len(names)])
        start += len(names)
        for place, convert in converters:
            mine[place] = convert(mine[place], None, connection)
        found.append(model.from_db("default", names, mine) if mine[names.index("id")] is not None else None)
    return found


def _fields(model: type[Model], only: tuple[str, ...]) -> list[Field]:
    return [f for f in model._meta.concrete_fields if not only or f.primary_key or f.name in only]


@cache
def _reading(model: type[Model], only: tuple[str, ...]) -> tuple[list[str], list[tuple[int, Any]]]:
    fields = _fields(model, only)
    converters = [
        (place, convert)
        for place, field in enumerate(fields)
        for convert in [*connection.ops.get_db_converters(field.get_col("")), *field.get_db_converters(connection)]
    ]
    return [field.attname for field in fields], converters
