"""Other readers of Russian times, asked the same phrases where they are installed (requirements-eval.in)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from datetime import datetime

Reads = Callable[[str, datetime], list[tuple[str, str | None]]]


def installed() -> dict[str, Reads]:
    """The peers that this machine has, each from (phrase, now) to the (start, end) it found."""
    makers = {"timesense": _timesense, "dateparser": _dateparser}
    return {name: make() for name, make in makers.items() if importlib.util.find_spec(name)}


def _timesense() -> Reads:
    from timesense import TimeSenseParser

    parser = TimeSenseParser()

    def reads(text: str, now: datetime) -> list[tuple[str, str | None]]:
        found = parser.parse(text, now=now)
        start = getattr(found, "when", None)
        if start is None:
            return []
        end = getattr(found, "end_at", None)
        return [(_minutes(start), _minutes(end) if end else None)]

    return reads


def _dateparser() -> Reads:
    from dateparser.search import search_dates

    def reads(text: str, now: datetime) -> list[tuple[str, str | None]]:
        settings = {"RELATIVE_BASE": now, "PREFER_DATES_FROM": "future"}
        found = search_dates(text, languages=["ru"], settings=settings) or []
        return [(_minutes(start), None) for _, start in found]

    return reads


def _minutes(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="minutes")
