"""The development sets of the local engine, and how a message is understood in tests."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from agency.packs.loading import load_trade
from assistant.understand import understand
from assistant.understanding import ServiceInfo, Understanding

DATA = Path(__file__).parent / "data"
TUESDAY = datetime(2026, 11, 24, 10, 40)


def lines_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


@cache
def price_list(trade: str) -> tuple[ServiceInfo, ...]:
    return tuple(load_trade(trade).price_list())


def reads(text: str, *, trade: str = "salon", city: str = "ufa", now: datetime = TUESDAY, **more: Any) -> Understanding:
    return understand(text, now=now, price_list=price_list(trade), city=city, **more)
