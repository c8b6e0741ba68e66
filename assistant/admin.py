"""What the assistant may quote, and when it asks a language model, as the owner writes it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin import register
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import display

from assistant import spending
from assistant.forms import LanguageModelForm
from assistant.models import KnowledgeEntry, LanguageModel, ModelCall, Promotion
from leadhub import clock
from tenants.business.models import BusinessSettings
from tenants.editing import BusinessAdmin, ReadOnly, SingleRow, money
from tenants.sites import business_site

FORGOTTEN = "Ничего, или срок хранения вышел."


@register(KnowledgeEntry, site=business_site)
class KnowledgeEntryAdmin(BusinessAdmin):
    rights_room = "business"
    list_display = ["question", "kind", "source", "is_active", "position"]
    list_filter = ["kind", "is_active"]
    search_fields = ["question", "answer"]
    fields = ["kind", "question", "synonyms", "answer", "source", "is_active", "position"]
    readonly_fields = ["source"]


class PromotionForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        told = super().clean()
        if told.get("starts_on") and told.get("ends_on") and told["ends_on"] < told["starts_on"]:
            self.add_error("ends_on", "Конец акции раньше начала.")
        return told


@register(Promotion, site=business_site)
class PromotionAdmin(BusinessAdmin):
    rights_room = "business"
    form = PromotionForm
    list_display = ["title", "code", "starts_on", "ends_on", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["title", "code"]
    fields = ["title", "code", "starts_on", "ends_on", "is_active"]


# --- The language model -----------------------------------------------------------------------------------------------


@register(LanguageModel, site=business_site)
class LanguageModelAdmin(SingleRow):
    form = LanguageModelForm
    readonly_fields = ["spent", "own_key"]
    help_texts = {
        "model_below": "От 0 до 1. Ассистент спросит модель, когда уверен в своём ответе меньше.",
        "model_name": "Пусто: та, что выбрана для всей установки.",
    }
    conditional_fields = {"model_below": "model_use == 'unsure'"}
    fieldsets = [
        (
            "Когда спрашивать",
            {
                "fields": ["model_use", "model_below"],
                "description": "Языковая модель второй раз читает сообщение клиента и помогает понять, чего он хочет."
                " Телефоны, имена, почта, адреса и номера карт скрываются до отправки. Модель ничего не пишет клиенту:"
                " цены, время и адреса ассистент берёт только из ваших настроек. Если она не успела, клиент всё равно"
                " получит ответ вовремя.",
            },
        ),
        ("Расходы", {"fields": ["model_cap_kopecks", "spent"]}),
        ("Модель", {"fields": ["model_name", "own_key", "typed_key", "forget_key"]}),
        ("Указания", {"fields": ["prompt", "prompt_version"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: LanguageModel | None = None) -> Any:
        dropped = set() if obj and obj.model_secret else {"forget_key"}
        dropped |= set() if obj and obj.model_prompts else {"prompt_version"}
        return [
            (title, {**told, "fields": [name for name in told["fields"] if name not in dropped]})
            for title, told in self.fieldsets
        ]

    @display(description="потрачено в этом месяце")
    def spent(self, obj: LanguageModel) -> str:
        return money(round(spending.spent_kopecks(now=clock.now(), zone=timezone.get_current_timezone())))

    @display(description="ключ")
    def own_key(self, obj: LanguageModel) -> str:
        if obj.model_secret:
            return "Свой, сохранён и не показывается."
        return "Общий ключ установки." if settings.OPENAI_API_KEY else "Ключа нет: спросить модель нельзя."

    def save_model(self, request: HttpRequest, obj: LanguageModel, form: Any, change: bool) -> None:
        form.apply(obj, by=str(request.user), now=clock.now())
        super().save_model(request, obj, form, change)


@register(ModelCall, site=business_site)
class ModelCallAdmin(ReadOnly, BusinessAdmin):
    list_display = ["asked_at", "shown_outcome", "model", "latency_ms", "tokens", "cost"]
    list_filter = ["outcome", "model", "prompt_version"]
    list_before_template = "admin/assistant/model_months.html"
    fields = ["asked_at", "shown_outcome", "model", "prompt_version", "latency_ms", "tokens", "cost"]
    fields += ["sent", "came"]
    readonly_fields = fields
    actions_detail: list[str] = []

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        months = spending.months(now=clock.now(), zone=timezone.get_current_timezone())
        cap = BusinessSettings.load().model_cap_kopecks
        return super().changelist_view(
            request,
            {
                "months": [(month, money(round(month.cost_kopecks))) for month in months],
                "cap": money(cap),
                "is_over_cap": months[0].cost_kopecks >= cap,
                **(extra_context or {}),
            },
        )

    @display(description="итог", ordering="outcome", label={"ответила": "success"})
    def shown_outcome(self, obj: ModelCall) -> str:
        return obj.get_outcome_display()

    @display(description="токенов")
    def tokens(self, obj: ModelCall) -> str:
        return f"{obj.prompt_tokens} + {obj.completion_tokens}"

    @display(description="стоимость", ordering="cost_kopecks")
    def cost(self, obj: ModelCall) -> str:
        return f"{obj.cost_kopecks.normalize():f}".replace(".", ",") + " коп."

    @display(description="что отправлено")
    def sent(self, obj: ModelCall) -> str:
        return format_html('<code class="lh-body">{}</code>', obj.request or FORGOTTEN)

    @display(description="что пришло")
    def came(self, obj: ModelCall) -> str:
        return format_html('<code class="lh-body">{}</code>', obj.reply or FORGOTTEN)
