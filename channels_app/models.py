"""Where messages come in and go out: accounts, what was received, what is to be delivered, notices to staff."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from contacts.models import Conversation, Message
from leadhub.crypto import EncryptedJSONField
from tenants.business.models import Branch, StaffMember
from tenants.models import ChannelKind


class ChannelAccount(models.Model):
    """One connected bot, number, site or gateway. Credentials are encrypted and never shown again."""

    kind = models.CharField("вид", max_length=20, choices=ChannelKind.choices)
    name = models.CharField("название", max_length=120)
    branch = models.ForeignKey(Branch, models.SET_NULL, null=True, blank=True, verbose_name="филиал")
    credentials = EncryptedJSONField("доступы", default=dict, blank=True)
    allowed_origins = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        verbose_name="сайты, где стоит чат",
        help_text="По одному в строке (https://example.ru). Пусто: любой сайт.",
    )
    is_active = models.BooleanField("включён", default=True)
    paused_reason = models.CharField("остановлен: почему", max_length=200, blank=True)
    created_at = models.DateTimeField("создан", db_default=Now())

    class Meta:
        verbose_name = "подключение канала"
        verbose_name_plural = "подключения каналов"

    def __str__(self) -> str:
        return self.name


class InboundEvent(models.Model):
    """One POST as it came, kept before anything could fail."""

    class Status(models.TextChoices):
        NEW = "new", "принято"
        DONE = "done", "обработано"
        IGNORED = "ignored", "служебное"
        BROKEN = "broken", "не разобрано"

    # No constraint in the database and no index of its own: each post would take a lock on the account's one row, and
    # the unique constraint below begins with the account.
    account = models.ForeignKey(
        ChannelAccount,
        models.CASCADE,
        related_name="events",
        verbose_name="подключение",
        db_constraint=False,
        db_index=False,
    )
    event_key = models.CharField("ключ события", max_length=128)
    body = models.BinaryField("тело")
    content_type = models.CharField("вид тела", max_length=120, default="", db_default="")
    status = models.CharField("состояние", max_length=10, choices=Status.choices, default="new", db_default="new")
    error = models.CharField("ошибка", max_length=300, default="", blank=True, db_default="")
    received_at = models.DateTimeField("получено")

    class Meta:
        verbose_name = "входящее событие"
        verbose_name_plural = "входящие события"
        constraints = [models.UniqueConstraint(fields=["account", "event_key"], name="inbound_event_once")]

    def __str__(self) -> str:
        return f"{self.account_id}:{self.event_key}"


class Delivery(models.Model):
    """One text on its way to a client. `key` makes it leave once, however often it is asked for."""

    class Status(models.TextChoices):
        QUEUED = "queued", "отправляется"
        SENT = "sent", "отправлено"
        DELIVERED = "delivered", "доставлено"
        FAILED = "failed", "не доставлено"
        CANCELLED = "cancelled", "отменено"

    key = models.CharField("ключ", max_length=120, unique=True)
    account = models.ForeignKey(  # no constraint in the database, as with an event's account
        ChannelAccount, models.PROTECT, related_name="deliveries", verbose_name="подключение", db_constraint=False
    )
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, null=True, blank=True, related_name="deliveries", verbose_name="разговор"
    )
    message = models.OneToOneField(
        Message, models.CASCADE, null=True, blank=True, related_name="delivery", verbose_name="сообщение"
    )
    to = models.CharField("кому", max_length=128)
    text = models.TextField("текст")
    choices = ArrayField(models.CharField(max_length=80), default=list, blank=True, verbose_name="кнопки")
    by_assistant = models.BooleanField("от ассистента", default=True)  # not sent once a person leads the conversation
    status = models.CharField("состояние", max_length=10, choices=Status.choices, default=Status.QUEUED)
    provider_id = models.CharField("номер у провайдера", max_length=128, blank=True)
    error = models.CharField("ошибка", max_length=300, blank=True)
    fallback_sms = models.BooleanField("если не дойдёт, отправить СМС", default=False)
    parts_sent = models.PositiveSmallIntegerField("частей отправлено", default=0)  # a long text leaves in parts
    attempted_at = models.DateTimeField("начата попытка", null=True, blank=True)  # set: the last try ended unknown
    created_at = models.DateTimeField("создано")
    sent_at = models.DateTimeField("принято провайдером", null=True, blank=True)

    class Meta:
        verbose_name = "доставка"
        verbose_name_plural = "доставки"
        indexes = [
            models.Index(fields=["status"], name="delivery_troubled", condition=Q(status__in=["queued", "failed"]))
        ]

    def __str__(self) -> str:
        return self.key


class Notice(models.Model):
    """A word to a staff member: something needs you. On open screens at once, outside of them as the person likes."""

    class State(models.TextChoices):
        WAITING = "waiting", "ждёт отправки"
        SENDING = "sending", "отправляется"
        SENT = "sent", "отправлено"
        FAILED = "failed", "не доставлено"
        DROPPED = "dropped", "не понадобилось"  # seen on the screen, late, or the lead is somebody else's by now
        SCREEN = "screen", "только на экране"  # nothing else is connected

    class Answer(models.TextChoices):
        TAKE = "take", "взять"
        DECLINE = "decline", "не могу"

    URGENT = frozenset({"hot_lead", "urgent", "breach", "handover", "silent", "test"})

    staff = models.ForeignKey(
        StaffMember, models.CASCADE, related_name="notices", verbose_name="кому", db_constraint=False
    )
    kind = models.CharField("о чём", max_length=30)  # those of URGENT; reassigned, complaint, failure, rule, ...
    text = models.CharField("текст", max_length=300)
    lead_id = models.BigIntegerField("заявка", null=True, blank=True)  # routing.Lead, a room above
    key = models.CharField("ключ", max_length=120, unique=True)
    created_at = models.DateTimeField("создано")
    seen_at = models.DateTimeField("увидено", null=True, blank=True)
    state = models.CharField("состояние", max_length=10, choices=State.choices, default=State.SCREEN)
    # When its message left, began to leave, or was found not to for now.
    told_at = models.DateTimeField("отправлено в", null=True, blank=True)
    batch = models.BigIntegerField("сообщение", null=True, blank=True)  # number of the first notice of one message
    # One a try, oldest first: {"channel", "state", "at", "id", "account", "error", "shown_at"}; state is one of
    # sent, failed, later (may take it yet), again (a person asked for all of it anew).
    tries = models.JSONField("попытки", default=list, blank=True)
    answer = models.CharField("ответ", max_length=10, choices=Answer.choices, blank=True)
    answered_at = models.DateTimeField("ответ получен", null=True, blank=True)
    outcome = models.CharField("что вышло", max_length=200, blank=True)  # as the person reads it in the message

    class Meta:
        verbose_name = "уведомление сотруднику"
        verbose_name_plural = "уведомления сотрудникам"
        indexes = [
            models.Index(fields=["staff"], name="notice_unseen", condition=Q(seen_at__isnull=True)),
            models.Index(fields=["staff"], name="notice_waiting", condition=Q(state__in=["waiting", "sending"])),
            models.Index(fields=["staff", "told_at"], name="notice_told", condition=Q(told_at__isnull=False)),
            models.Index(fields=["batch"], name="notice_batch", condition=Q(batch__isnull=False)),
            models.Index(fields=["lead_id"], name="notice_of_lead", condition=Q(lead_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def is_urgent(self) -> bool:
        return self.kind in self.URGENT

    @property
    def last_sent(self) -> dict[str, Any] | None:
        """The try that was accepted last."""
        return next((one for one in reversed(self.tries) if one["state"] == "sent"), None)
