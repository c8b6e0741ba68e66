"""`due_work`: outbox, timers and retries of all tenants in one public table. Ids only, no personal data."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class DueWork(models.Model):
    """One piece of work that is owed. The row goes away in the transaction of its effects."""

    schema = models.TextField("схема")
    handler = models.TextField("что сделать")
    key = models.TextField("ключ")  # one row a key: the same work asked twice is one work, re-armed
    ids = models.JSONField("номера", default=list, db_default=models.Value([], output_field=models.JSONField()))
    queue = models.TextField("очередь", default="pipeline", db_default="pipeline")
    due_at = models.DateTimeField("срок")
    sent_at = models.DateTimeField("отправлено исполнителям", null=True, blank=True)
    claimed_until = models.DateTimeField("занято до", null=True, blank=True)
    version = models.IntegerField(
        "версия", default=0, db_default=0
    )  # rises when re-armed, so that a running lease sees it
    attempts = models.IntegerField("попыток", default=0, db_default=0)
    last_error = models.TextField("последняя ошибка", default="", blank=True, db_default="")
    failed_at = models.DateTimeField("остановлено", null=True, blank=True)
    created_at = models.DateTimeField("создано", db_default=Now())

    class Meta:
        db_table = "due_work"
        verbose_name = "отложенная работа"
        verbose_name_plural = "отложенная работа"
        constraints = [models.UniqueConstraint(fields=["schema", "handler", "key"], name="due_work_once")]
        indexes = [
            models.Index(fields=["due_at"], name="due_work_due", condition=models.Q(failed_at__isnull=True)),
            models.Index(fields=["failed_at"], name="due_work_failed", condition=models.Q(failed_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.handler} {self.key} ({self.schema})"


class Heartbeat(models.Model):
    """When each part of the installation was last seen at work (`worker:pipeline`, `dispatcher`)."""

    name = models.TextField(primary_key=True)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "heartbeat"
        verbose_name = "признак жизни"
        verbose_name_plural = "признаки жизни"

    def __str__(self) -> str:
        return self.name
