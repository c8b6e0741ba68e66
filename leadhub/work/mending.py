"""What a person does about work that stopped: run it again, or drop it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from leadhub.work.models import DueWork
from leadhub.work.owing import ring


@transaction.atomic
def run_again(rows: QuerySet[DueWork], *, now: datetime) -> int:
    """Owe these rows from now on, freshly counted, and ring for them after the commit; returns how many."""
    again = list(rows.select_for_update().values_list("pk", "schema", "handler", "queue"))
    DueWork.objects.filter(pk__in=[pk for pk, *_ in again]).update(
        due_at=now, sent_at=now, claimed_until=None, attempts=0, failed_at=None, version=F("version") + 1
    )
    transaction.on_commit(lambda: ring(again))
    return len(again)


def drop(rows: QuerySet[DueWork]) -> int:
    """Owe these rows no more; returns how many."""
    return rows.delete()[0]
