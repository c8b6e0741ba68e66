"""Clients, how they are known, and what was said."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from tenants.business.models import Branch, StaffMember
from tenants.models import ChannelKind


class Contact(models.Model):
    """One person. Known by a proven phone, or only by the accounts (identities) that person writes from."""

    name = models.CharField("имя", max_length=120, blank=True)
    phone = models.CharField("телефон", max_length=16, null=True, blank=True, help_text="В виде +79991234567.")
    email = models.EmailField("почта", blank=True)
    is_vip = models.BooleanField("VIP", default=False)
    note = models.TextField("заметка", blank=True)
    created_at = models.DateTimeField("создан")

    is_just_met = False  # true on the instance that was stored with the client's first message: there is no past yet

    class Meta:
        verbose_name = "клиент"
        verbose_name_plural = "клиенты"
        constraints = [
            models.UniqueConstraint(fields=["phone"], condition=Q(phone__isnull=False), name="contact_phone_once")
        ]

    def __str__(self) -> str:
        return self.name or self.phone or f"Клиент {self.pk}"


class Identity(models.Model):
    """An account from which a contact writes. `claimed_phone` was said; it counts only with `phone_proven_at`."""

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="identities", verbose_name="клиент")
    kind = models.CharField("канал", max_length=20, choices=ChannelKind.choices)
    external_id = models.CharField("номер в канале", max_length=128)
    display_name = models.CharField("имя в канале", max_length=120, blank=True)
    claimed_phone = models.CharField("названный телефон", max_length=16, blank=True)
    phone_proven_at = models.DateTimeField("телефон подтверждён", null=True, blank=True)  # `claimed_phone`, by code
    is_unreachable = models.BooleanField("писать нельзя", default=False)
    code_hash = models.CharField("код подтверждения", max_length=128, blank=True)
    code_expires_at = models.DateTimeField("код действует до", null=True, blank=True)
    code_attempts = models.PositiveSmallIntegerField("попыток ввода", default=0)
    codes_sent = models.PositiveSmallIntegerField("кодов отправлено за сутки", default=0)
    codes_day = models.DateField("сутки счёта", null=True, blank=True)

    class Meta:
        verbose_name = "аккаунт клиента"
        verbose_name_plural = "аккаунты клиентов"
        constraints = [models.UniqueConstraint(fields=["kind", "external_id"], name="identity_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.display_name or self.external_id}"


class Consent(models.Model):
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="consents", verbose_name="клиент")
    purpose = models.CharField(
        "на что", max_length=20, choices=[("data", "обработка данных"), ("offers", "рассылки")], default="data"
    )
    text_version = models.CharField("версия текста", max_length=20)
    text = models.TextField("текст")
    kind = models.CharField("где дано", max_length=20, choices=ChannelKind.choices)
    given_at = models.DateTimeField("дано")
    withdrawn_at = models.DateTimeField("отозвано", null=True, blank=True)

    class Meta:
        verbose_name = "согласие"
        verbose_name_plural = "согласия"

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} · {self.given_at:%d.%m.%Y}"


class Conversation(models.Model):
    """All that was said with one identity. Its row is the lock of everything that happens in it."""

    identity = models.OneToOneField(Identity, models.CASCADE, related_name="conversation", verbose_name="аккаунт")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="conversations", verbose_name="клиент")
    account_id = models.BigIntegerField("подключение")  # channels_app.ChannelAccount, a room above
    # No constraint in the database: see `routing.models.Lead.branch`.
    branch = models.ForeignKey(
        Branch, models.SET_NULL, null=True, blank=True, verbose_name="филиал", db_constraint=False
    )
    state = models.JSONField("состояние диалога", default=dict, blank=True)
    # Who leads the conversation: null is the assistant; a person who took over silences it at once.
    held_by = models.ForeignKey(StaffMember, models.SET_NULL, null=True, blank=True, verbose_name="ведёт человек")
    needs_person = models.BooleanField("нужен человек", default=False)
    pending_since = models.DateTimeField("первое без ответа", null=True, blank=True)  # start of the burst
    last_client_at = models.DateTimeField("последнее от клиента", null=True, blank=True)
    last_message_at = models.DateTimeField("последнее сообщение", null=True, blank=True)
    seen_message_id = models.BigIntegerField("прочитано сотрудником до", default=0)
    is_test = models.BooleanField("проверочный", default=False)
    created_at = models.DateTimeField("начат")

    class Meta:
        verbose_name = "разговор"
        verbose_name_plural = "разговоры"

    def __str__(self) -> str:
        return f"{self.contact}"


class Message(models.Model):
    class Author(models.TextChoices):
        CLIENT = "client", "клиент"
        ASSISTANT = "assistant", "ассистент"
        STAFF = "staff", "сотрудник"
        SYSTEM = "system", "система"
        NOTE = "note", "заметка"  # staff only, never leaves

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages", verbose_name="разговор")
    author = models.CharField("кто", max_length=10, choices=Author.choices)
    staff = models.ForeignKey(StaffMember, models.SET_NULL, null=True, blank=True, verbose_name="сотрудник")
    text = models.TextField("текст")
    choices = ArrayField(models.CharField(max_length=80), default=list, blank=True, verbose_name="кнопки")
    external_id = models.CharField("номер у провайдера", max_length=128, blank=True)
    event_id = models.BigIntegerField("событие", null=True, blank=True)  # channels_app.InboundEvent, a room above
    sent_at = models.DateTimeField("написано")  # the provider's time for a client's message
    received_at = models.DateTimeField("получено")
    understanding = models.JSONField("понято", null=True, blank=True)  # assistant.Understanding.to_json()
    is_processed = models.BooleanField("обработано", default=True)  # False: a client's message that awaits its answer
    earlier = models.JSONField(
        "прежний текст", default=list, blank=True
    )  # [{text, until}], oldest first: it was edited
    is_answer = models.BooleanField(
        "ответ по существу", default=False
    )  # acts on the intent, not a mere acknowledgement

    edited_from: str | None = None  # on the instance that an edit has just changed: the text before it

    class Meta:
        verbose_name = "сообщение"
        verbose_name_plural = "сообщения"
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "external_id"], condition=~Q(external_id=""), name="message_external_once"
            )
        ]
        indexes = [models.Index(fields=["conversation", "id"], name="message_in_order")]

    def __str__(self) -> str:
        return f"{self.get_author_display()} {self.pk}"
