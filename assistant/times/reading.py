"""What every reader of times is given."""

from __future__ import annotations

from datetime import datetime, tzinfo

from assistant.times.line import Line
from assistant.times.shapes import Hours


class Reading:
    """One message's symbols being read at one moment."""

    def __init__(self, line: Line, now: datetime, hours: Hours, zone: tzinfo | None = None):
        self.line, self.now, self.hours, self.zone = line, now, hours, zone
        self.today = now.date()
