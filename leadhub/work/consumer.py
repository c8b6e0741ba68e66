"""How a worker waits for a broker that went away."""

from __future__ import annotations

from functools import partial
from typing import Any

from celery.worker import consumer

EVERY = 1.0  # seconds


class Consumer(consumer.Consumer):
    """Looks for the broker every second (Celery's own pauses grow to half a minute), and outlives its loss."""

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """What the worker had in hand is owed in the database: it need not be given back to a broker that is away,
        and kombu, which tries that on a connection that it closed before, would end the worker."""
        for channel in self.connection.transport.channels if self.connection else ():
            channel.do_restore = False
        super().on_connection_error_after_connected(exc)

    def ensure_connected(self, conn: Any) -> Any:
        pauses = {"interval_start": EVERY, "interval_step": 0.0, "interval_max": EVERY}
        conn.ensure_connection = partial(conn.ensure_connection, **pauses)
        return super().ensure_connected(conn)
