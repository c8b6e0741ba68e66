"""Packs: what a new business starts from. A trade brings services and answers, a city its places and clock."""

from agency.packs.loading import all_trades, load_city, load_trade
from agency.packs.section import PackError

__all__ = ["PackError", "all_trades", "load_city", "load_trade"]
