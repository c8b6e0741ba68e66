"""A client's message to its meaning: the entry of the room. Pure: no database, no Django, no network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from functools import cache

from assistant.engines import Request
from assistant.engines.local import LocalEngine
from assistant.intents import TrainedClassifier
from assistant.model import Model
from assistant.understanding import ServiceInfo, Understanding


def understand(
    text: str,
    *,
    now: datetime,
    price_list: Sequence[ServiceInfo],
    city: str,
    opening: time = time(9),
    closing: time = time(21),
    known_client: bool = False,
    model: Model | None = None,
) -> Understanding:
    """What a message means. `now` is naive local time of the branch; `city` a key or its Russian name; `model` the
    weights that a business taught the assistant (None: the shipped ones).

    Never raises on any text; an empty one is "other" with little confidence. A known client's message is never spam."""
    engine = LocalEngine(TrainedClassifier(model)) if model else _local()
    return engine.understand(Request(text, now, price_list, city, opening, closing, known_client))


@cache
def _local() -> LocalEngine:
    """The engine with the shipped weights, loaded when the first message comes."""
    return LocalEngine()


def warm_up(price_list: Sequence[ServiceInfo] = ()) -> None:
    """Load the dictionary, the rules and the weights (1 s, 60 MB) before the first client waits for them.

    A price list given here is made ready too."""
    sample = "Здравствуйте! Меня зовут Анна, 8 999 000-12-34. Запишите завтра в 5 на стрижку, сколько стоит?"
    for city in ("ufa", "omsk", "nizhny", "krasnoyarsk"):
        understand(sample, now=datetime(2026, 1, 1), price_list=price_list, city=city)  # noqa: DTZ001 - naive by contract
