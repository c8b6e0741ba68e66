"""Bitrix24: the connection, and which of our rows is which of theirs."""

from __future__ import annotations

from django.db import models

from leadhub.crypto import EncryptedTextField


class Connection(models.Model):
    """The tenant's portal; at most one active row."""

    domain = models.CharField("портал", max_length=200, help_text="Например salon.bitrix24.ru")
    webhook_token = EncryptedTextField(
        "ключ вебхука", blank=True, default="", help_text="В виде 1/abcdef; хранится зашифрованным."
    )
    is_active = models.BooleanField("включено", default=True)
    broken_reason = models.CharField("остановлено: почему", max_length=200, blank=True)
    paused_until = models.DateTimeField("портал просил подождать до", null=True, blank=True)
    failures = models.PositiveSmallIntegerField("неудач подряд", default=0)  # the pause grows with them
    default_user_id = models.PositiveIntegerField("ответственный по умолчанию", default=1)
    last_ok_at = models.DateTimeField("последний успешный обмен", null=True, blank=True)

    class Meta:
        verbose_name = "подключение Битрикс24"
        verbose_name_plural = "подключение Битрикс24"

    def __str__(self) -> str:
        return self.domain


class Link(models.Model):
    """One of our rows and its object in the portal, with what was last written there.

    Only what changed since is sent: what people edit in the portal meanwhile stays theirs."""

    class Kind(models.TextChoices):
        LEAD = "lead", "Лид"
        CONTACT = "contact", "Контакт"
        DEAL = "deal", "Сделка"
        TASK = "task", "Задача"
        USER = "user", "Сотрудник"

    kind = models.CharField("что", max_length=10, choices=Kind.choices)
    local_id = models.BigIntegerField("наш номер")
    # Empty: an attempt to create it was begun and may have been applied, so it is searched for before the next one.
    remote_id = models.CharField("номер в Битрикс24", max_length=40, blank=True)
    entity_type = models.PositiveSmallIntegerField("тип объекта", default=0)  # 1 lead, 2 deal, 3 contact, 0 none of CRM
    written = models.JSONField("отпечатки записанных полей", default=dict, blank=True)
    error = models.CharField("ошибка", max_length=300, blank=True)
    synced_at = models.DateTimeField("обновлено", null=True, blank=True)

    class Meta:
        verbose_name = "связь с Битрикс24"
        verbose_name_plural = "связи с Битрикс24"
        constraints = [models.UniqueConstraint(fields=["kind", "local_id"], name="crm_link_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.local_id} = {self.remote_id or '?'}"
