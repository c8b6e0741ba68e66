"""«Обучение» in the owner's admin: examples and their import, training and its progress, versions, replies."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import register
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from unfold.decorators import action, display

from assistant.intents import LABELS
from assistant.learning import examples, importing, versions
from assistant.learning.examples import Meaning
from assistant.learning.forms import ExampleForm, ExamplesImportForm
from assistant.models import ModelVersion, TrainingExample
from leadhub import clock
from tenants.editing import BusinessAdmin, ReadOnly
from tenants.sites import business_site

IMPORT_TITLE = "Примеры: загрузить"
PREVIEW_LASTS = 12 * 3600  # seconds
SHOWN_REPLIES = 20
SHOWN_VERSIONS = 30
Status = ModelVersion.Status


def _who(request: HttpRequest) -> str:
    member = request.member
    return member.staff.name if member.staff else member.user.name or member.role_title


@register(TrainingExample, site=business_site)
class TrainingExampleAdmin(BusinessAdmin):
    rights_room = "business"
    form = ExampleForm
    list_display = ["shown_text", "kind", "shown_verdict", "shown_right", "serves", "source", "by", "created_at"]
    list_filter = ["kind", "is_right", "intent", "source", "is_held_back"]
    search_fields = ["text", "reply", "right_reply"]
    actions_list = ["import_examples"]
    readonly_fields = ["text", "told_title", "reply", "serves", "source", "by", "created_at"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # marked in conversations or imported

    def get_fields(self, request: HttpRequest, obj: TrainingExample | None = None) -> list[str]:
        ends = ["serves", "source", "by", "created_at"]
        if obj and obj.kind == TrainingExample.Kind.REPLY:
            return ["text", "reply", "is_right", "right_reply", *ends]
        return ["text", "told_title", "intent", "also", "urgency", "is_price_sensitive", "emotion", *ends]

    def save_model(self, request: HttpRequest, obj: TrainingExample, form: Any, change: bool) -> None:
        if obj.kind == TrainingExample.Kind.MEANING and "intents" in obj.told:
            said = Meaning(obj.intent, tuple(obj.also), obj.urgency, obj.is_price_sensitive, obj.emotion)
            obj.is_right = said == Meaning.of(obj.told)
        elif obj.kind == TrainingExample.Kind.MEANING:
            obj.is_right = obj.told.get("intent", obj.intent) == obj.intent
        super().save_model(request, obj, form, change)

    @display(description="клиент написал", ordering="text")
    def shown_text(self, obj: TrainingExample) -> str:
        text = " ".join((obj.text or obj.reply).split())
        return text if len(text) <= 80 else text[:80].rstrip() + "…"

    @display(description="верно", ordering="is_right", label={"да": "success", "нет": "danger"})
    def shown_verdict(self, obj: TrainingExample) -> str:
        if obj.kind == TrainingExample.Kind.MEANING and not obj.told:
            return "—"  # a file did not say what had been understood
        return "да" if obj.is_right else "нет"

    @display(description="служит", ordering="is_held_back")
    def serves(self, obj: TrainingExample) -> str:
        if obj.kind == TrainingExample.Kind.REPLY:
            return "базе ответов"
        return "проверке" if obj.is_held_back else "обучению"

    @display(description="как надо")
    def shown_right(self, obj: TrainingExample) -> str:
        if obj.kind == TrainingExample.Kind.MEANING:
            return LABELS.get(obj.intent, "не указано")
        right = obj.right_reply or ("" if not obj.is_right else obj.reply)
        return (right if len(right) <= 60 else right[:60].rstrip() + "…") or "не указано"

    @display(description="как понято")
    def told_title(self, obj: TrainingExample) -> str:
        return LABELS.get(obj.told.get("intent", ""), "неизвестно")

    # --- Import ---

    @action(description="Загрузить из файла", url_path="import", permissions=["import"], icon="upload_file")
    def import_examples(self, request: HttpRequest) -> HttpResponse:
        """Read, show what was understood, and only then add it."""
        if "examples" in request.POST:
            return self._add(request)
        form = ExamplesImportForm(request.POST or None, request.FILES or None)
        context = {**self.admin_site.each_context(request), "title": IMPORT_TITLE, "opts": self.opts, "form": form}
        if request.method != "POST" or not form.is_valid():
            return TemplateResponse(request, "admin/assistant/examples_import.html", context)
        found = importing.mark_repeated(form.reading.examples)
        fresh = [each for each in found if not each.same_as]
        context |= {
            "found": found,
            "errors": form.reading.errors,
            "new": len(fresh),
            "repeated": len(found) - len(fresh),
            "examples": signing.dumps([each.to_json() for each in fresh], salt=_salt(), compress=True),
        }
        return TemplateResponse(request, "admin/assistant/examples_preview.html", context)

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request)

    def _add(self, request: HttpRequest) -> HttpResponse:
        try:
            told = signing.loads(request.POST["examples"], salt=_salt(), max_age=PREVIEW_LASTS)
        except signing.BadSignature:
            messages.error(request, "Предпросмотр устарел. Загрузите файл ещё раз.")
            return redirect("admin:assistant_trainingexample_import_examples")
        found = [importing.Found.from_json(each) for each in told]
        added = importing.add(found, by=_who(request), now=clock.now())
        if added:
            _log(request, TrainingExample, f"Загружено примеров: {added}.", ADDITION)
            messages.success(request, f"Добавлено примеров: {added}.")
        else:
            messages.warning(request, "Ничего не добавлено.")
        return redirect("admin:assistant_modelversion_changelist")


def _salt() -> str:
    """A preview is good for the business it was made in, and for no other."""
    return f"examples import {connection.schema_name}"


def _log(request: HttpRequest, model: Any, message: str, flag: int = CHANGE) -> None:
    LogEntry.objects.create(
        user_id=request.user.pk,
        content_type=ContentType.objects.get_for_model(model),
        object_repr=str(model._meta.verbose_name_plural).capitalize(),
        action_flag=flag,
        change_message=message,
    )


@register(ModelVersion, site=business_site)
class ModelVersionAdmin(ReadOnly, BusinessAdmin):
    """One page: what was taught, how far a training is, which version is in use, what can be done."""

    rights_room = "business"

    def get_urls(self) -> list[Any]:
        view, name = self.admin_site.admin_view, "assistant_modelversion"
        return [
            path("", view(self.changelist_view), name=f"{name}_changelist"),
            path("state/", view(self.state_view), name=f"{name}_state"),
            path("do/", view(self.act), name=f"{name}_act"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return self._page(request, "admin/assistant/learning.html")

    def state_view(self, request: HttpRequest) -> HttpResponse:
        """The part of the page that changes while a version is being trained."""
        return self._page(request, "admin/assistant/_learning.html")

    def act(self, request: HttpRequest) -> HttpResponse:
        """POST `what`: train, publish, bring_back, roll_back (with `version`), keep (a reply, with `example`)."""
        if request.method != "POST" or not self._may_act(request):
            raise PermissionDenied
        try:
            return self._do(request, request.POST.get("what", ""))
        except versions.NotPossible as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:assistant_modelversion_changelist")

    def _do(self, request: HttpRequest, what: str) -> HttpResponse:
        by, now = _who(request), clock.now()
        if what == "keep":
            return self._keep_reply(request)
        if what == "train":
            done = f"{versions.begin_later(by=by, now=now)}: обучение началось."
        elif what == "publish":
            done = f"{versions.publish(_number(request, 'version'), by=by, now=now)} работает."
        elif what == "bring_back":
            done = f"{versions.bring_back(_number(request, 'version'), by=by, now=now)} снова работает."
        elif what == "roll_back":
            before = versions.roll_back(by=by, now=now)
            done = f"{before} снова работает." if before else "Работает общая версия, без ваших примеров."
        else:
            raise Http404("nothing of that name is done here")
        _log(request, ModelVersion, done)
        messages.success(request, done)
        return redirect("admin:assistant_modelversion_changelist")

    def _keep_reply(self, request: HttpRequest) -> HttpResponse:
        example = TrainingExample.objects.filter(pk=_number(request, "example")).select_related("entry").first()
        if example is None:
            raise Http404("no such example")
        try:
            entry = examples.suggest_entry(example)
        except ValueError:
            raise versions.NotPossible("Сначала укажите, как надо было ответить.") from None
        note = "Черновик в базе ответов. Проверьте вопрос и ответ и отметьте «используется»."
        if examples.has_marks(f"{entry.question} {entry.answer}"):
            note += " Имена и телефоны скрыты: уберите метки в квадратных скобках."
        messages.success(request, note)
        return redirect("admin:assistant_knowledgeentry_change", entry.pk)

    def _may_act(self, request: HttpRequest) -> bool:
        return super(ReadOnly, self).has_change_permission(request)

    def _page(self, request: HttpRequest, template: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Обучение",
            "opts": self.opts,
            "may_act": self._may_act(request),
            **_state(),
        }
        return TemplateResponse(request, template, context)


def _number(request: HttpRequest, name: str) -> int:
    told = request.POST.get(name, "")
    if not (told.isascii() and told.isdigit() and len(told) < 16):
        raise Http404("no number")
    return int(told)


def _state() -> dict[str, Any]:
    Kind = TrainingExample.Kind
    known = Q(kind=Kind.MEANING) & ~Q(intent="")
    counts = TrainingExample.objects.aggregate(
        learned=Count("pk", filter=known & Q(is_held_back=False)),
        held_back=Count("pk", filter=known & Q(is_held_back=True)),
        unsaid=Count("pk", filter=Q(kind=Kind.MEANING, intent="")),
        wrong=Count("pk", filter=Q(kind=Kind.MEANING, is_right=False)),
        replies=Count("pk", filter=Q(kind=Kind.REPLY)),
    )
    rows = list(ModelVersion.objects.defer("weights")[:SHOWN_VERSIONS])
    replies = TrainingExample.objects.filter(kind=Kind.REPLY, is_right=False, entry=None).exclude(right_reply="")
    current = versions.in_use()
    return {
        "counts": counts,
        "fewest": versions.FEWEST,
        "training": next((row for row in rows if row.status == Status.TRAINING), None),
        "current": current,
        "is_outdated": current is not None and not versions.fits(current),
        "rows": [_row(row) for row in rows if row.status != Status.TRAINING],
        "replies": replies.order_by("-pk")[:SHOWN_REPLIES],
    }


def _row(version: ModelVersion) -> dict[str, Any]:
    """A version with its figures as people read them."""
    measures = version.measures
    return {
        "version": version,
        "own": _pair(*measures["own"]) if measures else "",
        "common": _pair(*measures["common"], is_share=True) if measures else "",
        "can_publish": version.status == Status.DRAFT and versions.fits(version),
        "can_come_back": version.status in (Status.REPLACED, Status.ROLLED_BACK) and versions.fits(version),
    }


def _pair(before: dict[str, float], after: dict[str, float], *, is_share: bool = False) -> str:
    """«23 → 27 из 30» or «85,7 → 86,1 %»."""
    if is_share:
        was, now = (f"{figures['share'] * 100:.1f}".replace(".", ",") for figures in (before, after))
        return f"{was} → {now} %"
    return f"{before['right']} → {after['right']} из {after['count']}"
