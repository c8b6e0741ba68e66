"""Score and ad spend as the owner edits them; decisions to look at."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import register
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from routing import rules_admin, terms_admin  # noqa: F401 - these pages register themselves
from routing.models import AdSpend, Decision, Queue, ScorePolicy
from routing.score_admin import ScorePages
from tenants.business.models import StaffMember
from tenants.editing import BusinessAdmin, ReadOnly, RoublesField, SingleRow, money
from tenants.sites import business_site


@register(ScorePolicy, site=business_site)
class ScorePolicyAdmin(ScorePages, SingleRow):
    """Its groups of fields and the preview beside them: `ScorePages`."""


class QueueForm(forms.ModelForm):
    members = forms.TypedMultipleChoiceField(
        label="Сотрудники", coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Queue
        fields = ["name", "key", "members", "strategy"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = StaffMember.objects.filter(is_active=True)
        self.fields["members"].choices = [(one.pk, f"{one.name}, {one.get_role_display()}") for one in people]


@register(Queue, site=business_site)
class QueueAdmin(BusinessAdmin):
    form = QueueForm
    list_display = ["name", "key", "strategy", "shown_members"]

    @display(description="сотрудники")
    def shown_members(self, queue: Queue) -> str:
        names = dict(StaffMember.objects.filter(pk__in=queue.members).values_list("pk", "name"))
        return ", ".join(names[pk] for pk in queue.members if pk in names) or "никого"


class AdSpendForm(forms.ModelForm):
    amount_kopecks = RoublesField(label="Расход, ₽", help_text="За этот день, например 2500.")

    class Meta:
        model = AdSpend
        fields = ["day", "source", "campaign", "amount_kopecks"]
        help_texts = {
            "source": "Как в метке utm_source: yandex, vk, insta.",
            "campaign": "Как в метке utm_campaign. Пусто: расход на источник целиком.",
        }


@register(AdSpend, site=business_site)
class AdSpendAdmin(BusinessAdmin):
    form = AdSpendForm
    list_display = ["day", "source", "campaign", "shown_amount"]
    list_filter = ["source"]
    date_hierarchy = "day"
    ordering = ["-day", "source"]

    @display(description="расход", ordering="amount_kopecks")
    def shown_amount(self, spend: AdSpend) -> str:
        return money(spend.amount_kopecks)


@register(Decision, site=business_site)
class DecisionAdmin(ReadOnly, BusinessAdmin):
    list_display = ["created_at", "lead", "title"]
    list_select_related = ["lead"]
    list_filter = ["kind"]
    ordering = ["-pk"]
    fields = ["created_at", "lead", "title", "shown_details"]

    @display(description="подробности")
    def shown_details(self, decision: Decision) -> SafeString | str:
        lines = [(line.get("name", ""), line.get("value", "")) for line in decision.details if isinstance(line, dict)]
        return format_html_join("", "<p>{}: {}</p>", lines) or "—"
