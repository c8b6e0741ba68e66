"""How a person wants to be told of something outside of the screen: which channels, in which order, and off shift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models


class NoticeChannel(models.TextChoices):
    """Where a notice can reach a person. A new channel is a line here and a class in `channels_app.notice_channels`."""

    PUSH = "push", "Push"
    TELEGRAM = "telegram", "Telegram"
    SMS = "sms", "СМС"
    EMAIL = "email", "Почта"


URGENT = ("push", "telegram", "sms", "email")
OTHER = ("push", "telegram", "email")


@dataclass(frozen=True)
class Preferences:
    """`urgent`, `other`: channels in the order in which they are tried; none: the screen alone.

    `off_shift`: urgent notices come off shift too (a duty); the rest always waits for the shift."""

    urgent: tuple[str, ...] = URGENT
    other: tuple[str, ...] = OTHER
    off_shift: bool = False

    def order(self, *, is_urgent: bool) -> tuple[str, ...]:
        return self.urgent if is_urgent else self.other


def read(kept: Mapping[str, Any]) -> Preferences:
    """What a person chose; {} is the defaults. Channels that are not known any more are passed over."""
    usual = Preferences()
    orders = {name: kept.get(name, getattr(usual, name)) for name in ("urgent", "other")}
    known = {name: tuple(one for one in order if one in NoticeChannel.values) for name, order in orders.items()}
    return Preferences(**known, off_shift=bool(kept.get("off_shift", usual.off_shift)))


def written(chosen: Preferences) -> dict[str, Any]:
    return {"urgent": list(chosen.urgent), "other": list(chosen.other), "off_shift": chosen.off_shift}


def check(kept: Any) -> None:
    """Validator of the stored value. Raises ValidationError."""
    if not isinstance(kept, dict) or set(kept) - {"urgent", "other", "off_shift"}:
        raise ValidationError("Настройки уведомлений записаны неверно.")
    for name in ("urgent", "other"):
        order = kept.get(name, [])
        if not isinstance(order, list) or len(set(map(str, order))) != len(order):
            raise ValidationError("Один канал выбран дважды.")
        if any(one not in NoticeChannel.values for one in order):
            raise ValidationError("Такого канала уведомлений нет.")
    if not isinstance(kept.get("off_shift", False), bool):
        raise ValidationError("Настройки уведомлений записаны неверно.")


PLACES = ("сначала", "затем", "потом", "и наконец")
ORDERS = {"urgent": "Срочное", "other": "Остальное"}


def field_names(order: str) -> list[str]:
    return [f"{order}_{number}" for number in range(1, len(PLACES) + 1)]


class _PreferencesForm(forms.Form):
    """Both orders as lists of choices, one below the other; `chosen()` is what was picked."""

    off_shift = forms.BooleanField(
        label="Срочное присылать и вне смены",
        required=False,
        help_text="Для дежурных. Остальное придёт одним сообщением в начале смены.",
    )

    @staticmethod
    def starting(chosen: Preferences) -> dict[str, Any]:
        """Initial values of the fields."""
        told: dict[str, Any] = {"off_shift": chosen.off_shift}
        for name in ORDERS:
            told |= dict(zip(field_names(name), getattr(chosen, name), strict=False))
        return told

    def clean(self) -> dict[str, Any]:
        told = super().clean() or self.cleaned_data
        for name in ORDERS:
            seen: set[str] = set()
            for field in field_names(name):
                picked = told.get(field)
                if picked and picked in seen:
                    self.add_error(field, "Этот канал уже выбран выше.")
                seen.add(picked or "")
        return told

    def chosen(self) -> Preferences:
        picked = {name: (self.cleaned_data.get(field) for field in field_names(name)) for name in ORDERS}
        orders = {name: tuple(one for one in values if one) for name, values in picked.items()}
        return Preferences(**orders, off_shift=bool(self.cleaned_data.get("off_shift")))


PreferencesForm = type(
    "PreferencesForm",
    (_PreferencesForm,),
    {
        field: forms.ChoiceField(label=f"{title}: {place}", choices=[("", "—"), *NoticeChannel.choices], required=False)
        for name, title in ORDERS.items()
        for field, place in zip(field_names(name), PLACES, strict=True)
    },
)
