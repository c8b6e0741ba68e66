"""The one Celery task: a doorbell that names a due row."""

from celery import shared_task
from django.db import close_old_connections

from leadhub.work.running import run_row


@shared_task(name="leadhub.work.run", acks_late=True, reject_on_worker_lost=True)
def run(row_id: int, name: str, schema: str) -> bool:
    """Do the work of one `due_work` row: of the handler `name`, in `schema`. Rung twice is as good as once."""
    close_old_connections()
    return run_row(row_id, name, schema)


@shared_task(name="leadhub.work.beat")
def beat(queue: str) -> None:
    """Say that workers of this queue take tasks (readiness looks at it)."""
    from leadhub.work.dispatch import seen

    close_old_connections()
    seen(f"worker:{queue}")
