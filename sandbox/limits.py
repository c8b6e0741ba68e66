"""The leaky bucket by which the providers count requests."""

from __future__ import annotations


class Bucket:
    """Holds `capacity` requests; `per_second` of them leak out each second."""

    def __init__(self, capacity: float, per_second: float) -> None:
        self.capacity = capacity
        self.per_second = per_second
        self._level = 0.0
        self._seen_at: float | None = None

    def level(self, now: float) -> float:
        """How full it is at `now` (seconds of any steady clock)."""
        if self._seen_at is None:
            return self._level
        return max(0.0, self._level - (now - self._seen_at) * self.per_second)

    def wait(self, now: float) -> float:
        """Seconds until one more request fits; 0 when it fits now."""
        return max(0.0, (self.level(now) + 1 - self.capacity) / self.per_second)

    def pour(self, now: float) -> None:
        """Count one request."""
        self.fill(self.level(now) + 1, now)

    def fill(self, level: float, now: float) -> None:
        self._level = level
        self._seen_at = now
