"""Time in tests: it stands still, and moving it does the work that falls due on the way."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection


class Clock:
    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def tick(self, **delta: float) -> None:
        """Move time on (`seconds=61`), doing due work at its own moments, in their order."""
        end = self._now + timedelta(**delta)
        self.settle()
        while (due := self._next_due(end)) is not None:
            self._now = max(self._now, due)
            self.settle()
        self._now = end
        self.settle()

    def settle(self) -> int:
        """Do all work due now, in this process, by the same code as the workers; returns how many rows were done."""
        from leadhub.work.running import run_row

        done, tried = 0, set()
        while rows := [row for row in self._due_now() if row not in tried]:
            for row in rows:
                if run_row(row[0]):
                    done += 1
                else:
                    tried.add(row)
        return done

    def _due_now(self) -> list[tuple[int, int]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, version FROM public.due_work WHERE failed_at IS NULL AND due_at <= %s ORDER BY due_at, id",
                [self._now],
            )
            return cursor.fetchall()

    def _next_due(self, end: datetime) -> datetime | None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT min(due_at) FROM public.due_work WHERE failed_at IS NULL AND due_at > %s AND due_at <= %s",
                [self._now, end],
            )
            return cursor.fetchone()[0]
