"""Labelled messages: one JSON object a line, labels at their default left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from assistant.understanding import INTENTS, Emotion, Intent, ServiceInfo, Urgency

HERE = Path(__file__).parent
TEXTS = HERE / "texts"
HELD_BACK = HERE / "held_back"
SOME_TUESDAY = datetime(2026, 11, 24, 10, 40)  # noqa: DTZ001 - naive by contract; for texts whose day does not matter


@dataclass(frozen=True)
class Example:
    """A message with what it means. `weight`: how many texts of the common training set it counts for."""

    text: str
    intents: tuple[Intent, ...]  # the first one leads
    urgency: Urgency = "normal"
    price_sensitive: bool = False
    emotion: Emotion = "neutral"
    price_list: Sequence[ServiceInfo] = ()
    city: str = "ufa"
    now: datetime = SOME_TUESDAY
    weight: float = 1.0

    @classmethod
    def read(cls, line: dict[str, Any], price_list: Sequence[ServiceInfo]) -> Example:
        """Raises KeyError or ValueError for a line that is no labelled text."""
        intents = tuple(line["intents"])
        if not intents or not set(intents) <= set(INTENTS):
            raise ValueError(f"intents {intents}")
        return cls(
            text=line["text"],
            intents=intents,
            urgency=line.get("urgency", "normal"),
            price_sensitive=line.get("price_sensitive", False),
            emotion=line.get("emotion", "neutral"),
            price_list=price_list,
            city=line.get("city", "ufa"),
            now=datetime.fromisoformat(line["now"]) if "now" in line else SOME_TUESDAY,
        )


def lines_of(*paths: Path) -> list[dict[str, Any]]:
    """The objects of JSONL files, in their order; empty lines are passed over."""
    return [json.loads(line) for path in paths for line in _lines(path)]


def _lines(path: Path) -> Iterable[str]:
    return (line for line in path.read_text(encoding="utf-8").split("\n") if line.strip())
