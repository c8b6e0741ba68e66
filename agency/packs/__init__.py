"""Packs: what a new business starts from. A trade brings services and answers, a city its places and clock.

The demo businesses put one of each together with branches, staff and shifts.
"""

from agency.packs.loading import (
    DEMO_PHONE_PREFIX,
    all_businesses,
    all_trades,
    load_business,
    load_city,
    load_trade,
)
from agency.packs.section import PackError

__all__ = [
    "DEMO_PHONE_PREFIX",
    "PackError",
    "all_businesses",
    "all_trades",
    "load_business",
    "load_city",
    "load_trade",
]
