"""Due work of bookings."""

from __future__ import annotations

from datetime import datetime, timedelta

from booking import actions
from leadhub.work import TryLater, handler

BUSY_PAUSE = timedelta(seconds=2)


@handler("booking.expire_hold")
def expire_hold(appointment_id: int, *, now: datetime) -> None:
    """Free a time that was held and not booked. Waits for nobody who works on the hold: comes back instead."""
    if actions.expire_hold(appointment_id, now=now) is None:
        raise TryLater("the hold is being worked on", after=BUSY_PAUSE, counts=False)
