"""Which of several addresses is nearest to a place that the client named. By a table of the four cities, no network."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache

from assistant import lexicon
from assistant.places import city_key

Spot = tuple[float, float]  # latitude, longitude in degrees
SURE_KM = 1.5  # by less than this none is nearer: the table is not that exact


def whereabouts(words: str, city: str) -> Spot | None:
    """Where a place or an address of this city lies, to a kilometre or so; None when the table does not know it."""
    plain = words.lower().replace("ё", "е")
    for pattern, spot in _table(city_key(city)):
        if pattern.search(plain):
            return spot
    return None


def nearest(place: str, addresses: Sequence[str], city: str) -> int | None:
    """Number of the address nearest to a place the client named. None: nobody can tell, or two are about as near."""
    here = whereabouts(place, city)
    found = [(number, whereabouts(address, city)) for number, address in enumerate(addresses)]
    if here is None or not found or any(spot is None for _, spot in found):
        return None
    ranked = sorted((kilometres(here, spot), number) for number, spot in found if spot)
    if len(ranked) > 1 and ranked[1][0] - ranked[0][0] < SURE_KM:
        return None
    return ranked[0][1]


def kilometres(one: Spot, other: Spot) -> float:
    """Distance as the crow flies; good for the few dozen kilometres of a city."""
    north = (one[0] - other[0]) * 111.2
    east = (one[1] - other[1]) * 111.2 * math.cos(math.radians((one[0] + other[0]) / 2))
    return math.hypot(north, east)


@cache
def _table(city: str) -> tuple[tuple[re.Pattern[str], Spot], ...]:
    """Longer names first: «старая уфа» before «уфа»."""
    rows = lexicon.load("whereabouts").get(city, {})
    found = []
    for stem in sorted(rows, key=len, reverse=True):
        ending = "" if stem.endswith("=") else "[а-я]{0,5}"
        words = r"[а-я]{0,5}[\s-]+".join(re.escape(word) for word in stem.rstrip("=").split())
        latitude, longitude = rows[stem]
        found.append((re.compile(rf"(?<![а-я]){words}{ending}(?![а-я])"), (latitude, longitude)))
    return tuple(found)
