"""Parameters as they come: by JSON or as a PHP form, in either spelling."""

from __future__ import annotations

from typing import Any

from ..portal_fields import MULTI_FIELDS
from .shapes import Params, RestError

PAGE = 50


def required(params: Params, name: str) -> Any:
    value = params.get(name)
    if value is None or value == "" or (name == "fields" and not isinstance(value, (dict, list))):
        raise RestError("100", f"Could not find value for parameter {{{name}}}")
    return {} if name == "fields" and isinstance(value, list) else value


def old_fields(params: Params) -> Params:
    fields = next((value for key, value in params.items() if key.lower() == "fields"), None)
    if not isinstance(fields, (dict, list)):
        raise RestError("", "Parameter 'fields' must be array.")
    return {str(key).upper(): value for key, value in fields.items()} if isinstance(fields, dict) else {}


def pairs(told: Any) -> dict[str, Any]:
    """A map that may have come as a PHP list."""
    if isinstance(told, list):
        return {str(index): value for index, value in enumerate(told)}
    return told if isinstance(told, dict) else {}


def values_of(told: Any) -> list[Any]:
    if told in (None, ""):
        return [] if told is None else [""]
    if isinstance(told, dict):
        return list(told.values())
    return told if isinstance(told, list) else [told]


def fm_of(told: Any) -> list[Params] | None:
    if told is None:
        return None
    return [
        {
            "id": value.get("id", ""),
            "typeId": str(value.get("typeId", "")).upper(),
            "valueType": value.get("valueType") or "WORK",
            "value": str(value.get("value", "")),
        }
        for value in values_of(told)
        if isinstance(value, dict) and str(value.get("typeId", "")).upper() in MULTI_FIELDS
    ]


def paged(rows: list[Any], start: Any) -> tuple[list[Any], int | None, int | None]:
    """One page with the total and the next offset; start=-1 counts nothing."""
    offset = int(start or 0) if str(start or 0).lstrip("-").isdigit() else 0
    if offset < 0:
        return rows[:PAGE], None, None
    following = offset + PAGE
    return rows[offset:following], len(rows), following if following < len(rows) else None
