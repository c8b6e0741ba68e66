"""What a call is made with and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Params = dict[str, Any]


class RestError(Exception):
    """An error of the REST interface: code, words, HTTP status."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.status = status


@dataclass
class Result:
    """A method's result; `total` and `next` only from lists."""

    value: Any
    total: int | None = None
    next: int | None = None


@dataclass(frozen=True)
class Caller:
    """With whose rights a call runs."""

    portal: str
    user_id: int
    by_webhook: bool
