"""Request parameters as PHP services read them: `fields[phone][0][value]=...` becomes nested maps and lists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

_PARTS = re.compile(r"\[([^\]]*)\]")


class BadBody(Exception):
    """The body is not what its Content-Type says."""


async def request_params(request: Request) -> dict[str, Any]:
    """Query and body together, the body winning; JSON, form and multipart bodies. Raises BadBody."""
    params = nested(parse_qsl(request.url.query, keep_blank_values=True))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        form = await request.form()
        return params | nested((key, value) for key, value in form.multi_items() if isinstance(value, str))
    body = await request.body()
    if not body.strip():
        return params
    try:
        text = body.decode()
        if kind == "application/x-www-form-urlencoded":
            return params | nested(parse_qsl(text, keep_blank_values=True))
        sent = json.loads(text)
    except ValueError as error:
        raise BadBody from error
    if isinstance(sent, list):
        sent = {str(index): value for index, value in enumerate(sent)}
    if not isinstance(sent, dict):
        raise BadBody
    return params | sent


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Bracketed pairs as nested maps; a map with keys 0..n-1 becomes a list, `a[]` counts up."""
    tree: dict[str, Any] = {}
    for key, value in pairs:
        name, bracket, rest = key.partition("[")
        path = [name, *_PARTS.findall(bracket + rest)]
        _place(tree, path, value)
    return {key: _lists(value) for key, value in tree.items()}


def _place(node: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        below = node.setdefault(part or str(len(node)), {})
        if not isinstance(below, dict):
            below = node[part] = {}
        node = below
    node[path[-1] or str(len(node))] = value


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    values = {key: _lists(value) for key, value in node.items()}
    if list(values) == ["0"] and values["0"] == "":
        return []
    return list(values.values()) if list(values) == [str(index) for index in range(len(values))] else values


def php_map(values: dict[str, Any]) -> dict[str, Any] | list[Any]:
    """A map as PHP prints it: keys 0..n-1, or no keys at all, come out as a list."""
    in_order = list(values) == [str(index) for index in range(len(values))]
    return list(values.values()) if in_order else values
