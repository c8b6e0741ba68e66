"""What will be said to clients later: reminders of visits and follow-ups of leads."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from booking.models import Appointment
from contacts.models import Contact
from routing.models import Lead


class Reminder(models.Model):
    """One planned text to one client. Sent by due work of the same id; never deleted, so that it can explain itself."""

    class Kind(models.TextChoices):
        BEFORE_24H = "before_24h", "за сутки"
        BEFORE_2H = "before_2h", "за 2 часа"
        BEFORE_1H = "before_1h", "за час"
        FOLLOW_1D = "follow_1d", "первое напоминание молчащему"
        FOLLOW_3D = "follow_3d", "второе напоминание молчащему"
        NURTURE_7D = "nurture_7d", "последнее письмо молчащему"
        NO_SHOW = "no_show", "после неявки"

    class Status(models.TextChoices):
        PLANNED = "planned", "запланировано"
        SENT = "sent", "отправлено"
        SKIPPED = "skipped", "не понадобилось"
        CANCELLED = "cancelled", "отменено"
        FAILED = "failed", "не отправлено"

    kind = models.CharField("вид", max_length=12, choices=Kind.choices)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="reminders", verbose_name="клиент")
    appointment = models.ForeignKey(
        Appointment, models.CASCADE, null=True, blank=True, related_name="reminders", verbose_name="запись"
    )
    lead = models.ForeignKey(
        Lead, models.CASCADE, null=True, blank=True, related_name="reminders", verbose_name="заявка"
    )
    revision = models.PositiveIntegerField("для переноса", default=0)  # of the appointment it was planned for
    due_at = models.DateTimeField("когда")
    status = models.CharField("состояние", max_length=10, choices=Status.choices, default=Status.PLANNED)
    reason = models.CharField("почему", max_length=200, blank=True)
    done_at = models.DateTimeField("сделано", null=True, blank=True)

    class Meta:
        verbose_name = "напоминание"
        verbose_name_plural = "напоминания"
        constraints = [
            models.UniqueConstraint(
                fields=["appointment", "kind", "revision"],
                condition=Q(appointment__isnull=False),
                name="reminder_once_for_appointment",
            ),
            models.UniqueConstraint(
                fields=["lead", "kind", "revision"], condition=Q(lead__isnull=False), name="reminder_once_for_lead"
            ),
        ]
        indexes = [models.Index(fields=["status"], name="reminder_planned", condition=Q(status="planned"))]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.due_at:%d.%m.%Y %H:%M}"
