"""The page of weights and thresholds: what is typed is tried on the last leads at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import path

from leadhub import clock
from routing import config as configs
from routing import score_preview
from routing.models import ScorePolicy
from routing.rows import TEMPERATURE_TITLES
from routing.score_preview import BIN, TEMPERATURES, Preview

SHOWN_CHANGES = 30
PLOT_HEIGHT = 100


@dataclass(frozen=True)
class Bar:
    """Two columns of the plot side by side, in hundredths of its height."""

    title: str
    x: int
    before: int
    after: int
    before_count: int
    after_count: int

    @property
    def before_y(self) -> int:
        return PLOT_HEIGHT - self.before

    @property
    def after_y(self) -> int:
        return PLOT_HEIGHT - self.after


class ScorePages:
    """Mixed into the admin of ScorePolicy: the live preview, and a log entry with the values."""

    change_form_outer_after_template = "admin/routing/score_preview.html"
    fieldsets = [
        (
            "Пороги",
            {
                "fields": ["hot_from", "warm_from"],
                "description": "Балл заявки от 0 до 100 складывается из частей ниже. Горячую сразу получает человек,"
                " тёплую ведёт ассистент, холодной он отвечает и напоминает позже.",
            },
        ),
        (
            "Свежесть",
            {
                "fields": ["recency_max", "recency_half_life_minutes"],
                "description": "Баллы за то, что клиент написал только что; со временем тают.",
            },
        ),
        (
            "Чего хочет клиент",
            {
                "fields": [
                    "intent_booking",
                    "intent_callback",
                    "intent_reschedule",
                    "intent_price",
                    "intent_promo",
                    "intent_cancel",
                    "intent_consultation",
                    "intent_other",
                ],
                "description": "Одна из этих строк: что ассистент понял из сообщения. Спам всегда 0.",
            },
        ),
        (
            "Откуда написал",
            {
                "fields": [
                    "channel_call",
                    "channel_form",
                    "channel_whatsapp",
                    "channel_telegram",
                    "channel_social",
                    "channel_email",
                ],
                "description": "Одна из этих строк: чем ближе канал к живому разговору, тем больше.",
            },
        ),
        (
            "Кто этот клиент",
            {
                "fields": ["ltv_new", "ltv_price_max", "ltv_repeat_min", "ltv_max"],
                "description": "Новому добавляется за цену услуги, постоянному за то, сколько он уже потратил.",
            },
        ),
        (
            "Добавки",
            {
                "fields": ["high_urgency", "ad_utm", "promo", "price_sensitive"],
                "description": "Складываются сверху; последняя вычитается.",
            },
        ),
    ]

    def get_urls(self) -> list[Any]:
        preview = path("preview/", self.admin_site.admin_view(self.preview_view), name="routing_scorepolicy_preview")
        return [preview, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        form = context["adminform"].form
        policy = form.instance if not form.is_bound else ScorePolicy.load()
        return super().render_change_form(request, {**context, **_tried(policy)}, *args, **kwargs)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """POST the form as it stands: a part of the page with what it would change. Nothing is saved."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        policy = ScorePolicy.load()
        form = self.get_form(request, policy, change=True)(request.POST, instance=policy)
        context = _tried(form.instance) if form.is_valid() else {"errors": _errors(form)}
        return TemplateResponse(request, "admin/routing/_score_preview.html", context)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What was changed, with both values: «горячая от: 70 → 65»."""
        if add or not form.changed_data:
            return super().construct_change_message(request, form, formsets, add)
        told = (
            f"{form.fields[name].label}: {form.initial.get(name)} → {form.cleaned_data[name]}"
            for name in form.changed_data
        )
        return "; ".join(told)


def _errors(form: Any) -> list[str]:
    """Each in a line, with its field."""
    return [
        f"{form.fields[name].label}: {error}" if name in form.fields else str(error)
        for name, errors in form.errors.items()
        for error in errors
    ]


def _tried(policy: ScorePolicy) -> dict[str, Any]:
    """The policy against the one in force, on the last leads."""
    now, config = clock.now(), configs.load()
    prices = [service.price_kopecks for service in config.price_list]
    known = score_preview.last_leads(config, now=now)
    before = configs.weights_of(ScorePolicy.load(), prices)
    tried = score_preview.preview(known, before, configs.weights_of(policy, prices))
    return {
        "preview": tried,
        "changes": tried.changes[:SHOWN_CHANGES],
        "more": max(len(tried.changes) - SHOWN_CHANGES, 0),
        "rows": _matrix(tried),
        "titles": [TEMPERATURE_TITLES[one] for one in TEMPERATURES],
        "bars": _bars(tried),
        "limits": [(policy.hot_from, "горячая"), (policy.warm_from, "тёплая")],
    }


def _matrix(tried: Preview) -> list[dict[str, Any]]:
    return [
        {
            "title": TEMPERATURE_TITLES[old],
            "total": tried.total(old, after=False),
            "cells": [(tried.matrix.get((old, new), 0), old != new) for new in TEMPERATURES],
        }
        for old in TEMPERATURES
    ]


def _bars(tried: Preview) -> list[Bar]:
    most = max((max(column.before, column.after) for column in tried.columns), default=0) or 1
    return [
        Bar(
            f"{column.start}-{column.start + BIN - 1 if column.start + BIN < 100 else 100}",
            column.start,
            round(PLOT_HEIGHT * column.before / most),
            round(PLOT_HEIGHT * column.after / most),
            column.before,
            column.after,
        )
        for column in tried.columns
    ]
