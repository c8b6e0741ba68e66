"""What the assistant may quote, and when it asks a language model, as the owner writes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import register
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.db import connection, transaction
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import action, display

from assistant import embeddings, knowledge_import, spending
from assistant.forms import KnowledgeImportForm, LanguageModelForm
from assistant.learning import admin as learning_admin  # noqa: F401 - registers its pages
from assistant.models import KnowledgeEntry, LanguageModel, ModelCall, Promotion
from leadhub import clock
from leadhub.work import later
from tenants.business.models import BusinessSettings
from tenants.editing import BusinessAdmin, ReadOnly, SingleRow, money
from tenants.sites import business_site

IMPORT_TITLE = "База знаний: загрузить"
PREVIEW_LASTS = timedelta(hours=12)
LAST_POSITION = 32767  # what the column holds
FORGOTTEN = "Ничего, или срок хранения вышел."


@register(KnowledgeEntry, site=business_site)
class KnowledgeEntryAdmin(BusinessAdmin):
    rights_room = "business"
    list_display = ["question", "kind", "source", "is_active", "position"]
    list_filter = ["kind", "is_active"]
    search_fields = ["question", "answer"]
    fields = ["kind", "question", "synonyms", "answer", "source", "is_active", "position"]
    readonly_fields = ["source"]
    actions_list = ["import_entries"]

    @action(description="Загрузить из текста или файла", url_path="import", permissions=["add"], icon="upload_file")
    def import_entries(self, request: HttpRequest) -> HttpResponse:
        """Read, show what was understood, and only then add what was ticked."""
        if "chosen" in request.POST or "entries" in request.POST:
            return self._add_chosen(request)
        form = KnowledgeImportForm(request.POST or None, request.FILES or None)
        context = {**self.admin_site.each_context(request), "title": IMPORT_TITLE, "opts": self.opts, "form": form}
        if request.method == "POST" and form.is_valid():
            known = KnowledgeEntry.objects.values_list("question", flat=True)
            found = knowledge_import.mark_repeated(form.reading.entries, known)
            rows = [(number, one, _kind(one, form.cleaned_data["kind"])) for number, one in enumerate(found)]
            told = [[one.question, one.answer, list(one.synonyms), kind.value] for _, one, kind in rows]
            context |= {
                "rows": rows,
                "errors": form.reading.errors,
                "new": sum(not one.same_as for one in found),
                "repeated": sum(bool(one.same_as) for one in found),
                "entries": signing.dumps([form.source, told], salt=_import_salt(), compress=True),
            }
            return TemplateResponse(request, "admin/assistant/import_preview.html", context)
        return TemplateResponse(request, "admin/assistant/import.html", context)

    def _add_chosen(self, request: HttpRequest) -> HttpResponse:
        """Add the ticked entries of a preview; what has come into the base meanwhile is not added again."""
        try:
            source, told = signing.loads(request.POST.get("entries", ""), salt=_import_salt(), max_age=PREVIEW_LASTS)
        except signing.BadSignature:
            messages.error(request, "Предпросмотр устарел. Загрузите текст или файл ещё раз.")
            return redirect("admin:assistant_knowledgeentry_import_entries")
        chosen = set(request.POST.getlist("chosen"))
        picked = [
            knowledge_import.Found("", question, answer, tuple(synonyms), kind)
            for number, (question, answer, synonyms, kind) in enumerate(told)
            if str(number) in chosen
        ]
        added = _add_entries(picked, source, request)
        if added:
            messages.success(request, f"Добавлено: {added}.")
        else:
            messages.warning(request, "Ничего не добавлено.")
        return redirect("admin:assistant_knowledgeentry_changelist")


@transaction.atomic
def _add_entries(picked: list[knowledge_import.Found], source: str, request: HttpRequest) -> int:
    known = KnowledgeEntry.objects.values_list("question", flat=True)
    fresh = [one for one in knowledge_import.mark_repeated(picked, known) if not one.same_as]
    last = KnowledgeEntry.objects.aggregate(last=Max("position"))["last"] or 0
    KnowledgeEntry.objects.bulk_create(
        KnowledgeEntry(
            kind=one.kind,
            question=one.question,
            answer=one.answer,
            synonyms=list(one.synonyms),
            source=source,
            position=min(last + number, LAST_POSITION),
        )
        for number, one in enumerate(fresh, 1)
    )
    if fresh:
        LogEntry.objects.create(
            user_id=request.user.pk,
            content_type=ContentType.objects.get_for_model(KnowledgeEntry),
            object_repr=source[:200],
            action_flag=ADDITION,
            change_message=f"Загружено вопросов и ответов: {len(fresh)}.",
        )
    return len(fresh)


def _kind(found: knowledge_import.Found, default: str) -> KnowledgeEntry.Kind:
    return KnowledgeEntry.Kind(found.kind or default)


def _import_salt() -> str:
    """A preview is good for the business it was made in, and for no other."""
    return f"knowledge import {connection.schema_name}"


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
        ("База знаний", {"fields": ["compares_meaning"]}),
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
        if embeddings.is_on(obj):
            later("assistant.embed_knowledge", key="")


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
