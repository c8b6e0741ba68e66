"""Appointments. A hold is one too (status `hold`), so that one constraint keeps both apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import BigIntegerRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, GeneratedField, Q, Value

from contacts.models import Contact, Conversation
from tenants.business.models import Branch, Service, StaffMember

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
STAFF_STRIDE = 2**36
TAKES_TIME = ["hold", "booked", "confirmed", "arrived"]  # statuses in which the staff member is busy


def minutes_of(moment: datetime) -> int:
    """Whole minutes from EPOCH: the unit of the constraint that keeps appointments apart."""
    return int((moment - EPOCH).total_seconds() // 60)


def moment_of(minutes: int) -> datetime:
    """The moment, UTC, of so many minutes from EPOCH."""
    return EPOCH + timedelta(minutes=minutes)


class Appointment(models.Model):
    """A client with a staff member at a time. Written by `booking.actions` alone.

    [starts_at, ends_at) is what the client is told; the staff member is busy through `end_min`, the buffer included.
    """

    class Status(models.TextChoices):
        HOLD = "hold", "время держится"
        BOOKED = "booked", "записан"
        CONFIRMED = "confirmed", "подтвердил"
        ARRIVED = "arrived", "пришёл"
        NO_SHOW = "no_show", "не пришёл"
        CANCELLED = "cancelled", "отменён"
        EXPIRED = "expired", "не дождались"

    staff = models.ForeignKey(StaffMember, models.PROTECT, related_name="appointments", verbose_name="к кому")
    branch = models.ForeignKey(Branch, models.PROTECT, related_name="appointments", verbose_name="филиал")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="appointments", verbose_name="клиент")
    conversation = models.ForeignKey(
        Conversation, models.SET_NULL, null=True, blank=True, related_name="appointments", verbose_name="разговор"
    )
    lead_id = models.BigIntegerField("заявка", null=True, blank=True)  # routing.Lead, a room above
    services = models.ManyToManyField(Service, related_name="appointments", verbose_name="услуги")
    starts_at = models.DateTimeField("начало")
    ends_at = models.DateTimeField("конец")
    start_min = models.BigIntegerField("начало, мин")
    end_min = models.BigIntegerField("занято до, мин")
    price_kopecks = models.PositiveIntegerField("цена, коп.")
    price_to_kopecks = models.PositiveIntegerField("цена до, коп.", null=True, blank=True)  # empty: an exact price
    status = models.CharField("состояние", max_length=10, choices=Status.choices)
    hold_until = models.DateTimeField("держать до", null=True, blank=True)
    # Rises with every move, so that work planned for an older time knows that it is stale.
    revision = models.PositiveIntegerField("перенос", default=0)
    by_assistant = models.BooleanField("записал ассистент", default=False)
    for_whom = models.CharField("для кого", max_length=120, blank=True)
    # Visits agreed on together (two people's work in a row, two clients side by side): the first one's number.
    series = models.BigIntegerField("вместе с визитом", null=True, blank=True)
    upsell = models.ForeignKey(
        Service,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="предложено добавить",
        db_constraint=False,
    )
    upsell_taken = models.BooleanField("согласился добавить", null=True, blank=True)  # empty: nothing was answered
    cancel_reason = models.CharField("почему отменён", max_length=200, blank=True)
    created_at = models.DateTimeField("создан")
    booked_at = models.DateTimeField("записан", null=True, blank=True)
    confirmed_at = models.DateTimeField("подтверждён", null=True, blank=True)
    closed_at = models.DateTimeField("закрыт", null=True, blank=True)  # arrived, no-show, cancelled
    busy = GeneratedField(
        expression=Func(
            F("staff") * Value(STAFF_STRIDE) + F("start_min"),
            F("staff") * Value(STAFF_STRIDE) + F("end_min"),
            function="int8range",
            output_field=BigIntegerRangeField(),
        ),
        output_field=BigIntegerRangeField(),
        db_persist=True,
    )

    class Meta:
        verbose_name = "запись"
        verbose_name_plural = "записи"
        constraints = [
            models.CheckConstraint(
                condition=Q(start_min__gte=0, end_min__gt=F("start_min"), end_min__lt=STAFF_STRIDE),
                name="appointment_minutes",
            ),
            ExclusionConstraint(
                name="appointment_no_overlap",
                expressions=[("busy", RangeOperators.OVERLAPS)],
                condition=Q(status__in=TAKES_TIME),
            ),
        ]
        indexes = [models.Index(fields=["starts_at"], name="appointment_by_time")]

    def __str__(self) -> str:
        return f"{self.contact} · {self.starts_at:%d.%m.%Y %H:%M}"

    @property
    def is_expected(self) -> bool:
        """Whether the client is still awaited."""
        return self.status in (self.Status.BOOKED, self.Status.CONFIRMED)
