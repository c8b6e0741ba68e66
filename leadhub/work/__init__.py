"""Durable work: `later()` owes it, `@handler` does it, the dispatcher sees that it is done."""

from leadhub.work.handlers import GiveUp, TryLater, handler
from leadhub.work.owing import forget, later

__all__ = ["GiveUp", "TryLater", "forget", "handler", "later"]
