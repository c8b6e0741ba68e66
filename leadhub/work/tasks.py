"""The one Celery task: a doorbell that names due rows."""

from celery import shared_task
from django.db import close_old_connections

from leadhub.work.running import run_row


@shared_task(name="leadhub.work.run", acks_late=True, reject_on_worker_lost=True)
def run(rows: list[tuple[int, str, str]]) -> None:
    """Do the work of `due_work` rows (id, handler's name, schema), one after the other, each for itself. Rung twice is
    as good as once."""
    close_old_connections()
    for row_id, name, schema in rows:
        run_row(row_id, name, schema)


@shared_task(name="leadhub.work.beat")
def beat(queue: str) -> None:
    """Say that workers of this queue take tasks (readiness looks at it)."""
    from leadhub.work.dispatch import seen

    close_old_connections()
    seen(f"worker:{queue}")
