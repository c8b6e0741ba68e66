"""Engines that understand a message: one interface, several makers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Protocol

from assistant.understanding import ServiceInfo, Understanding


@dataclass(frozen=True)
class Request:
    """One message and what an engine may know of its world. `now` is naive local time of the branch."""

    text: str
    now: datetime
    price_list: Sequence[ServiceInfo]
    city: str  # key or Russian name
    opening: time = time(9)
    closing: time = time(21)
    known_client: bool = False


class Engine(Protocol):
    """Turns a message into an Understanding; never raises on any text."""

    name: str

    def understand(self, request: Request) -> Understanding: ...
