"""Score, clocks and ad spend as the owner edits them; decisions to look at."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import register
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from leadhub import clock
from routing import rulesets
from routing.admin_score import ScorePages
from routing.admin_simulation import SimulationPages
from routing.models import AdSpend, Decision, Queue, RuleSet, ScorePolicy, SlaPolicy
from routing.rules.reading import read_rules
from tenants.business.models import StaffMember
from tenants.editing import BusinessAdmin, ReadOnly, RoublesField, SingleRow, money
from tenants.sites import business_site


@register(ScorePolicy, site=business_site)
class ScorePolicyAdmin(ScorePages, SingleRow):
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


@register(SlaPolicy, site=business_site)
class SlaPolicyAdmin(SingleRow):
    help_texts = {
        "hot_take_seconds": "Не взяли вовремя: заявка переходит следующему, затем резервному сотруднику.",
        "max_hops": "Сколько сотрудников получат заявку по очереди, прежде чем её получит резервный.",
        "hot_confirm_minutes": "Не довели до записи: узнает тот, кто отвечает за этап (A в матрице).",
        "person_answer_seconds": "Когда заявку ведёт человек. Не ответил: заявка переходит следующему.",
        "other_confirm_minutes": "Тёплые и холодные. Не довели: узнает тот, кто отвечает за этап.",
        "silence_minutes": "Клиент ждёт ответа человека дольше: узнает тот, кто отвечает за этап.",
        "crm_card_minutes": "Карточки нет дольше: узнаёт агентство.",
    }
    fieldsets = [
        ("Горячая заявка", {"fields": ["hot_take_seconds", "max_hops", "hot_confirm_minutes"]}),
        ("Остальные", {"fields": ["person_answer_seconds", "other_confirm_minutes", "silence_minutes"]}),
        ("Битрикс24", {"fields": ["crm_card_minutes"]}),
    ]


class RuleSetForm(forms.ModelForm):
    class Meta:
        model = RuleSet
        fields = ["text", "note"]
        help_texts = {
            "text": 'Например: ЕСЛИ источник = Instagram И услуга = "стрижка" ТО назначить = очередь_барберы.'
            ' По-русски или по-английски; каждое правило можно назвать: ПРАВИЛО "Ночные":',
            "note": "Одной строкой, для истории версий.",
        }
        widgets = {"text": UnfoldAdminTextareaWidget(attrs={"rows": 18, "spellcheck": "false", "class": "font-mono"})}

    def clean_text(self) -> str:
        text = self.cleaned_data["text"]
        if errors := read_rules(text).errors:
            raise forms.ValidationError([str(error) for error in errors])
        return text


@register(RuleSet, site=business_site)
class RuleSetAdmin(SimulationPages, BusinessAdmin):
    """Versions: the draft is edited and published, an earlier one is brought back."""

    form = RuleSetForm
    list_display = ["number", "status", "note", "changed_by", "changed_at", "published_at"]
    ordering = ["-number"]
    actions_submit_line = ["publish_now", "bring_back"]

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """There is one draft: it is what one goes on with."""
        draft = RuleSet.objects.filter(status=RuleSet.Status.DRAFT).first()
        if draft:
            return redirect("admin:routing_ruleset_change", draft.pk)
        return super().add_view(request, *args, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        current = RuleSet.objects.filter(status=RuleSet.Status.PUBLISHED).first()
        return {"text": current.text if current else ""}

    def get_readonly_fields(self, request: HttpRequest, obj: RuleSet | None = None) -> list[str]:
        return [] if obj is None or obj.status == RuleSet.Status.DRAFT else ["text", "note"]

    def has_delete_permission(self, request: HttpRequest, obj: RuleSet | None = None) -> bool:
        is_draft = obj is None or obj.status == RuleSet.Status.DRAFT
        return is_draft and super().has_delete_permission(request, obj)

    def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """A draft is published, a retired version is brought back; what is in force needs neither."""
        found = RuleSet.objects.filter(pk=object_id).first() if object_id else None
        status = found.status if found else RuleSet.Status.DRAFT
        wanted = {RuleSet.Status.DRAFT: "publish_now", RuleSet.Status.RETIRED: "bring_back"}.get(status)
        allowed = super().get_actions_submit_line(request, object_id)
        return [one for one in allowed if wanted and one.action_name.endswith(wanted)]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        shown = context["original"]
        if shown and shown.status != RuleSet.Status.DRAFT:
            context |= {"show_save": False, "show_save_and_continue": False, "show_save_and_add_another": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: RuleSet, form: Any, change: bool) -> None:
        status = RuleSet.objects.filter(pk=obj.pk).values_list("status", flat=True).first() if obj.pk else None
        if status in (None, RuleSet.Status.DRAFT):
            saved = rulesets.save_draft(obj.text, by=_who(request), now=clock.now(), note=obj.note)
            obj.pk, obj.number, obj.status = saved.pk, saved.number, saved.status
        for one in self.get_actions_submit_line(request, obj.pk):
            if one.action_name in request.POST:
                one.method(request, obj)

    @action(description="Сохранить и опубликовать")
    def publish_now(self, request: HttpRequest, obj: RuleSet) -> None:
        try:
            published = rulesets.publish(by=_who(request), now=clock.now())
        except rulesets.RulesWrong as wrong:
            for error in wrong.errors:
                messages.error(request, f"Не опубликовано: {error.message}")
            return
        messages.success(request, f"Действует версия {published.number}.")

    @action(description="Вернуть эту версию")
    def bring_back(self, request: HttpRequest, obj: RuleSet) -> None:
        again = rulesets.roll_back(obj.number, by=_who(request), now=clock.now())
        messages.success(request, f"Действует версия {again.number}: как в версии {obj.number}.")


def _who(request: HttpRequest) -> str:
    return request.user.name or request.user.email


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
