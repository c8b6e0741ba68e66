"""Filters of lists."""

from __future__ import annotations

import re
from typing import Any

from ..portal_fields import comparable, user_field_name
from .asked import pairs, values_of
from .shapes import RestError

FILTER_KEY = re.compile(r"(>=|<=|!@|!%|=%|!=|>|<|@|%|=|!)?(.+)")


def matches(item: dict[str, Any], conditions: dict[str, Any], kinds: dict[str, str]) -> bool:
    """Whether an item meets a filter. A nested map is a group; its `logic` is AND or OR. Raises RestError."""
    logic = str(conditions.get("logic", "AND")).upper()
    met = [
        matches(item, pairs(value), kinds) if isinstance(value, dict) else _met(item, key, value, kinds)
        for key, value in conditions.items()
        if key != "logic"
    ]
    return any(met) if logic == "OR" else all(met)


def _met(item: dict[str, Any], key: str, wanted: Any, kinds: dict[str, str]) -> bool:
    match = FILTER_KEY.fullmatch(key)
    if match is None:
        raise RestError("INVALID_ARG_VALUE", f"Invalid filter: field '{key}' is not allowed in filter")
    sign = match[1] or "="
    name = known(match[2], kinds, "filter")
    kind = kinds[name]
    have, wants = (
        item.get(name),
        [comparable(kind, value) for value in ([None] if wanted is None else values_of(wanted))],
    )
    haves = [comparable("integer", value) for value in have] if isinstance(have, list) else [comparable(kind, have)]
    if kind == "ids":
        wants = [comparable("integer", value) for value in values_of(wanted)]
    if sign in ("@", "="):
        return any(value in wants for value in haves) or (not haves and wants in ([""], [0.0]))
    if sign in ("!@", "!", "!="):
        return not any(value in wants for value in haves)
    if sign in ("%", "=%"):
        return any(str(want).strip("%") in str(value) for value in haves for want in wants)
    if sign == "!%":
        return not any(str(want).strip("%") in str(value) for value in haves for want in wants)
    want, value = wants[0] if wants else 0, haves[0] if haves else 0
    return {">": value > want, ">=": value >= want, "<": value < want, "<=": value <= want}[sign]


def known(name: str, kinds: dict[str, str], where: str) -> str:
    """The field's name; `ID` and original UF_ names are understood too."""
    field = "id" if name == "ID" else user_field_name(name) if name.startswith("UF_CRM") else name
    if field not in kinds:
        raise RestError("INVALID_ARG_VALUE", f"Invalid {where}: field '{name}' is not allowed in {where}")
    return field
