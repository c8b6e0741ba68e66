"""Talks that people of the business tried with its assistant and want to hold it to."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenants.models import ChannelKind


class SavedDialogue(models.Model):
    """A tried talk kept as a check: who wrote what and when, and what came of it then. Not one real client stands in
    it; it is played anew each time."""

    class Client(models.TextChoices):
        NEW = "new", "новый"
        KNOWN = "known", "уже был у нас"
        BOOKED = "booked", "записан на приём"

    class Check(models.TextChoices):
        MEANING = "meaning", "смысл"
        PRICE = "price", "цену"
        WHO = "who", "кто получит"
        BOOKED = "booked", "что записано"
        REPLY = "reply", "каким текстом ответил"
        TIME = "time", "какое время"

    title = models.CharField("название", max_length=120)
    kind = models.CharField("канал", max_length=20, choices=ChannelKind.choices)
    client = models.CharField("клиент", max_length=10, choices=Client.choices)
    weekday = models.PositiveSmallIntegerField("день недели")  # 0 is Monday; local to the first branch, as `at`
    at = models.TimeField("время")
    was_open = models.BooleanField("филиал работал")  # at that moment: it is played when it works, or does not, again
    turns = models.JSONField("реплики")  # [{"text": ..., "facts": `inbox.tryout.facts`}]
    checks = ArrayField(models.CharField(max_length=10, choices=Check.choices), verbose_name="проверять")
    saved_by = models.CharField("кто сохранил", max_length=120)
    created_at = models.DateTimeField("сохранено")
    run_at = models.DateTimeField("когда сыграно", null=True, blank=True)
    faults = models.JSONField("что изменилось", default=list, blank=True)  # of the last run, as Russian sentences

    class Meta:
        verbose_name = "своя проверка"
        verbose_name_plural = "свои проверки"
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.title
