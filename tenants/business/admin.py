"""The business as its owner edits it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import register
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from leadhub import clock
from tenants.business import preferences, responsibility, shifts, texts, versions
from tenants.business.forms import FillShiftsForm, MatrixForm, ServiceForm, ShiftForm, StaffForm, TextForm
from tenants.business.models import (
    Branch,
    BusinessSettings,
    DateException,
    Language,
    MatrixCell,
    MatrixRole,
    MessageTemplate,
    OpeningHours,
    Service,
    SettingsVersion,
    Shift,
    ShiftException,
    Skill,
    StaffMember,
    Stage,
    Upsell,
)
from tenants.business.responsibility import Kind, load_matrix, save_matrix
from tenants.editing import BusinessAdmin, BusinessInline, ReadOnly, SingleRow, money
from tenants.models import User
from tenants.sites import business_site


@register(BusinessSettings, site=business_site)
class BusinessSettingsAdmin(SingleRow):
    help_texts = {
        "public_name": "Так ассистент называет вас клиентам.",
        "policy_url": "Ссылку получает клиент, у которого ассистент спрашивает согласие.",
        "consent_version": "Поменяйте вместе с текстом согласия: хранится, на что согласился каждый клиент.",
        "is_clinical": "Клиенту с острой болью ассистент предлагает ближайший осмотр.",
        "assistant_enabled": "Выключено: на каждое сообщение отвечает человек.",
        "burst_limit_ms": "Клиент, который пишет без пауз, получит ответ не позже.",
        "quiet_to": "Отложенное ночью уйдёт в это время.",
        "slot_step_minutes": "30: ассистент предлагает 10:00, 10:30, 11:00.",
        "booking_lead_minutes": "Чтобы мастер успел подготовиться.",
        "booking_horizon_days": "На более поздние дни ассистент не записывает.",
        "tone": "Свои тексты остаются такими, как вы их написали.",
        "hold_minutes": "Пока клиент отвечает, выбранное время никому другому не предлагается.",
    }
    fieldsets = [
        ("Бизнес", {"fields": ["public_name", "policy_url", "consent_version", "is_clinical", "quarantine_days"]}),
        (
            "Ассистент",
            {"fields": ["assistant_enabled", "tone", "confidence_threshold", "burst_window_ms", "burst_limit_ms"]},
        ),
        ("Тишина", {"fields": ["quiet_from", "quiet_to"]}),
        (
            "Запись",
            {
                "fields": [
                    *("slot_step_minutes", "booking_lead_minutes", "booking_horizon_days", "hold_minutes"),
                    "late_limit_minutes",
                ]
            },
        ),
        ("Люди", {"fields": ["backup_staff", "requires_check_in", "away_minutes", "silent_after"]}),
    ]

    def first_values(self, request: HttpRequest) -> dict[str, Any]:
        return {"public_name": request.tenant.name}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = StaffMember.objects.filter(is_active=True)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


# --- Branches -----------------------------------------------------------------------------------------------------


class OpeningHoursInline(BusinessInline):
    model = OpeningHours
    verbose_name_plural = "Часы работы: обед — это промежуток между двумя строками одного дня"


class DateExceptionInline(BusinessInline):
    model = DateException
    verbose_name_plural = "Особые дни: заменяют обычные часы и правило о праздниках"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """From yesterday on: what is over would only fill the page."""
        yesterday = (clock.now() - shifts.DAY).date()
        return super().get_queryset(request).filter(date__gte=yesterday)


@register(Branch, site=business_site)
class BranchAdmin(BusinessAdmin):
    list_display = ["name", "city", "address", "phone", "is_active"]
    fieldsets = [
        (None, {"fields": ["name", "city", "address", "timezone", "phone", "is_active"]}),
        ("Клиентам", {"fields": ["districts", "works_on_holidays", "position"]}),
    ]
    inlines = [OpeningHoursInline, DateExceptionInline]
    instead_of_deleting = "Филиал нужен записям и сотрудникам. Чтобы он больше не работал, снимите отметку «работает»."


# --- People -------------------------------------------------------------------------------------------------------


class ShiftInline(BusinessInline):
    model = Shift
    form = ShiftForm
    fields = ["day", "anchor_date", "cycle_days", "start", "end", "break_start", "break_end", "branch"]
    verbose_name_plural = "Смены: по дням недели, или рабочий день, который повторяется через несколько дней"


class ShiftExceptionInline(BusinessInline):
    model = ShiftException
    verbose_name_plural = "Изменения по датам: выходной (без времени) или другие часы"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(date__gte=(clock.now() - shifts.DAY).date())


@register(StaffMember, site=business_site)
class StaffMemberAdmin(BusinessAdmin):
    list_display = ["name", "role", "position", "branch", "takes_bookings", "is_away", "is_active"]
    list_filter = ["role", "branch", "takes_bookings", "is_active"]
    list_select_related = ["branch"]
    search_fields = ["name", "position"]
    fieldsets = [
        (None, {"fields": ["name", "role", "position", "branch", "is_active", "is_away"]}),
        ("Приём", {"fields": ["takes_bookings", "skills"]}),
        ("Заявки", {"fields": ["user", "load_cap", "lead_weight", "languages"]}),
        (
            "Уведомления",
            {
                "fields": [
                    ("phone", "shown_telegram"),
                    *zip(*map(preferences.field_names, preferences.ORDERS), strict=True),
                    "off_shift",
                ],
                "description": "Сотрудник меняет это и сам, на странице «Уведомления»; там же подключает Telegram и"
                " push.",
            },
        ),
    ]
    form = StaffForm
    readonly_fields = ["shown_telegram"]
    inlines = [ShiftInline, ShiftExceptionInline]
    actions_detail = ["fill_shifts", "to_delete"]
    instead_of_deleting = (
        "У сотрудника есть записи клиентов, они нужны для отчётов."
        " Чтобы он больше не участвовал, снимите отметку «работает»."
    )

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user":  # people of this business alone: users of all businesses stand in one table
            kwargs["queryset"] = User.objects.filter(memberships__tenant=request.tenant)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "languages":
            return forms.MultipleChoiceField(
                choices=Language.choices,
                widget=UnfoldAdminCheckboxSelectMultipleWidget(),
                required=False,
                label="Языки, кроме русского",
                help_text=db_field.help_text,
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(
            db_field, request, widget=UnfoldAdminCheckboxSelectMultipleWidget(), **kwargs
        )

    @display(description="Telegram")
    def shown_telegram(self, staff: StaffMember) -> str:
        return "подключён" if staff.telegram_chat_id else "не подключён"

    @action(description="Заполнить смены", permissions=["change"], icon="calendar_month")
    def fill_shifts(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A form of its own: the usual schedules in one go."""
        staff = get_object_or_404(StaffMember, pk=object_id)
        form = FillShiftsForm(request.POST or None, initial={"branch": staff.branch_id, "first_day": _today(staff)})
        if request.method == "POST" and form.is_valid():
            told = form.cleaned_data
            with transaction.atomic():
                made = shifts.fill(
                    staff,
                    form.plan(),
                    branch=told["branch"],
                    hours=(told["start"], told["end"]),
                    pause=form.pause(),
                    replace=told["replace"],
                )
                self.log_change(request, staff, f"Заполнены смены: {len(made)}.")
            messages.success(request, "Смены заполнены.")
            return redirect("admin:business_staffmember_change", staff.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Смены: {staff.name}",
            "opts": self.opts,
            "original": staff,
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/business/fill_shifts.html", context)


def _today(staff: StaffMember) -> Any:
    return clock.now().astimezone(staff.branch.zone).date()


@register(Skill, site=business_site)
class SkillAdmin(BusinessAdmin):
    list_display = ["name"]
    search_fields = ["name"]
    instead_of_deleting = "Навык есть у сотрудников или нужен услугам: сначала снимите его там."


class UpsellInline(BusinessInline):
    model = Upsell
    fk_name = "service"
    verbose_name = "предложение"
    fields = ["offer", "text", "position"]


@register(Service, site=business_site)
class ServiceAdmin(BusinessAdmin):
    form = ServiceForm
    list_display = ["name", "category", "shown_price", "duration_minutes", "skill", "is_active"]
    list_filter = ["category", "skill", "is_active"]
    list_select_related = ["skill"]
    search_fields = ["name", "category"]
    fieldsets = [
        (None, {"fields": ["name", "category", "price_kopecks", "price_to_kopecks", "is_active"]}),
        ("Запись", {"fields": ["duration_minutes", "buffer_minutes", "skill"]}),
        ("Клиентам", {"fields": ["synonyms", "position"]}),
    ]
    inlines = [UpsellInline]
    instead_of_deleting = "На эту услугу есть записи. Чтобы её больше не предлагали, снимите отметку «оказывается»."

    @display(description="цена", ordering="price_kopecks")
    def shown_price(self, service: Service) -> str:
        if service.price_to_kopecks:
            return f"{money(service.price_kopecks)[:-2]}–{money(service.price_to_kopecks)}"
        return money(service.price_kopecks)


# --- Responsibility -----------------------------------------------------------------------------------------------


@register(MatrixCell, site=business_site)
class MatrixAdmin(BusinessAdmin):
    """One grid, saved as a whole or not at all."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="business_matrixcell_changelist"),
            path("print/", view(self.print_view), name="business_matrixcell_print"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The grid of today, or of an earlier version (`?version=`) to look at and bring back."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        may_change = self.has_change_permission(request)
        if request.method == "POST" and not may_change:
            raise PermissionDenied
        if request.method == "POST" and "restore" in request.POST:
            return self._restore(request)
        now, newest, shown = clock.now(), versions.latest(Kind.MATRIX), _asked_version(request)
        before, crew = load_matrix(), responsibility.crew(now)
        form = MatrixForm(
            request.POST if request.method == "POST" else None,
            cells=shown.body if shown else before,
            people={role: len(people) for role, people in crew.items()},
            seen=newest.number if newest else None,
        )
        if request.method == "POST" and form.is_valid():
            self._save(request, before, form.cells(), note=form.cleaned_data["note"], now=now)
            messages.success(request, "Матрица сохранена.")
            return redirect("admin:business_matrixcell_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": "Матрица ответственности",
            "opts": self.opts,
            "form": form,
            "roles": [(role, title, crew[role]) for role, title in MatrixRole.choices],
            "rows": form.rows(),
            "may_change": may_change,
            "newest": newest,
            "shown": shown if shown and shown != newest else None,
            "history": _matrix_history(),
            "is_fullwidth": "1",
        }
        return TemplateResponse(request, "admin/business/matrix.html", context)

    def print_view(self, request: HttpRequest) -> HttpResponse:
        """The matrix on one sheet: of today, or an earlier version of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now, version = clock.now(), _asked_version(request) or versions.latest(Kind.MATRIX)
        cells = responsibility.tidied(version.body if version else load_matrix())
        crew = responsibility.crew(now)
        context = {
            "business": request.tenant.name,
            "version": version,
            "now": now,
            "roles": [(title, crew[role]) for role, title in MatrixRole.choices],
            "rows": [
                (title, [cells[stage].get(role, "") for role in MatrixRole.values]) for stage, title in Stage.choices
            ],
        }
        return TemplateResponse(request, "admin/business/matrix_print.html", context)

    def _restore(self, request: HttpRequest) -> HttpResponse:
        version = _version(request.POST["restore"])
        if version is None:
            raise Http404("no such version")
        try:
            self._save(request, load_matrix(), version.body, note=f"Как в версии {version.number}", now=clock.now())
        except ValidationError as error:  # kept before a rule of ours was there
            messages.error(request, "Эту версию вернуть нельзя. " + " ".join(error.messages))
        else:
            messages.success(request, f"Вернули матрицу версии {version.number}.")
        return redirect("admin:business_matrixcell_changelist")

    @transaction.atomic
    def _save(self, request: HttpRequest, before: dict, after: dict, *, note: str, now: datetime) -> None:
        save_matrix(after, by=request.user, now=now, note=note)
        told = "; ".join(str(change) for change in responsibility.changes(before, after))
        _log(request, MatrixCell, "Матрица ответственности", told or "Без изменений.")


def _asked_version(request: HttpRequest) -> SettingsVersion | None:
    """The version that the address names. Raises Http404 where there is no such."""
    if "version" not in request.GET:
        return None
    version = _version(request.GET["version"])
    if version is None:
        raise Http404("no such version")
    return version


def _version(told: str) -> SettingsVersion | None:
    is_number = told.isascii() and told.isdigit() and len(told) <= 9
    return versions.find(Kind.MATRIX, int(told)) if is_number else None


def _matrix_history() -> list[tuple[SettingsVersion, list[responsibility.CellChange] | None]]:
    """The newest versions with what each changed; None for the first one of all."""
    kept = versions.history(Kind.MATRIX)
    older = [*kept, None][1:]
    return [
        (version, responsibility.changes(before.body, version.body) if before else None)
        for version, before in zip(kept, older, strict=True)
        if before or version.number == 1
    ]


def _log(request: HttpRequest, model: Any, what: str, message: str, object_id: str = "") -> None:
    """A line of the journal about something that is more than one row."""
    LogEntry.objects.create(
        user_id=request.user.pk,
        content_type=ContentType.objects.get_for_model(model),
        object_id=object_id,
        object_repr=what[:200],
        action_flag=CHANGE,
        change_message=message,
    )


# --- Texts --------------------------------------------------------------------------------------------------------


@register(MessageTemplate, site=business_site)
class TextsAdmin(BusinessAdmin):
    """The catalogue: every text with its default; a business writes its own over it."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="business_messagetemplate_changelist"),
            path("<slug:key>/", view(self.text_view), name="business_messagetemplate_text"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        said, own = _texts_said(), _own_texts()
        wanted = request.GET.get("q", "").strip().lower()
        found = [
            entry for entry in texts.catalogue().values() if wanted in " ".join([entry.title, *said[entry.key]]).lower()
        ]
        groups = [
            {"title": title, "texts": [_text_row(entry, said, own) for entry in found if entry.group == group]}
            for group, title in texts.groups().items()
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": "Тексты для клиентов",
            "opts": self.opts,
            "groups": [group for group in groups if group["texts"]],
            "query": request.GET.get("q", ""),
        }
        return TemplateResponse(request, "admin/business/texts.html", context)

    def text_view(self, request: HttpRequest, key: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        entry = texts.catalogue().get(key)
        if entry is None:
            raise Http404("no such text")
        own, usual = _own_texts().get(key, []), entry.spoken(_tone())
        may_change = self.has_change_permission(request)
        form = TextForm(request.POST if request.method == "POST" else None, entry=entry, usual=usual, own=own)
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            if "reset" in request.POST:
                self._save(request, entry, [])
                messages.success(request, "Вернули исходный текст.")
                return redirect("admin:business_messagetemplate_changelist")
            if form.is_valid():
                variants = form.variants()
                self._save(request, entry, [] if variants == list(usual) else variants)
                messages.success(request, "Текст сохранён.")
                return redirect("admin:business_messagetemplate_changelist")
        titles = texts.placeholder_titles()
        context = {
            **self.admin_site.each_context(request),
            "title": entry.title,
            "opts": self.opts,
            "entry": entry,
            "usual": usual,
            "form": form,
            "is_own": bool(own),
            "may_change": may_change,
            "placeholders": [(name, titles[name], name in entry.required) for name in entry.placeholders],
        }
        return TemplateResponse(request, "admin/business/text.html", context)

    @transaction.atomic
    def _save(self, request: HttpRequest, entry: texts.Text, variants: list[str]) -> None:
        """Put these in place of the business's own variants; none: the defaults serve again."""
        MessageTemplate.objects.filter(key=entry.key).delete()
        MessageTemplate.objects.bulk_create(
            MessageTemplate(key=entry.key, text=text, position=position) for position, text in enumerate(variants)
        )
        _log(request, MessageTemplate, entry.title, "Свой текст." if variants else "Исходный текст.", entry.key)


def _own_texts() -> dict[str, list[str]]:
    own: dict[str, list[str]] = {}
    for key, text in MessageTemplate.objects.order_by("key", "position").values_list("key", "text"):
        own.setdefault(key, []).append(text)
    return own


def _tone() -> str:
    return BusinessSettings.objects.values_list("tone", flat=True).first() or "vy"


def _texts_said() -> dict[str, list[str]]:
    """What clients are told now: the business's own texts over the defaults in its tone."""
    tone = _tone()
    return {key: list(entry.spoken(tone)) for key, entry in texts.catalogue().items()} | _own_texts()


def _text_row(entry: texts.Text, said: dict[str, list[str]], own: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "key": entry.key,
        "title": entry.title,
        "text": said[entry.key][0],
        "is_own": entry.key in own,
        "url": reverse("admin:business_messagetemplate_text", args=[entry.key]),
    }


# --- Journal ------------------------------------------------------------------------------------------------------


@register(LogEntry, site=business_site)
class JournalAdmin(ReadOnly, BusinessAdmin):
    """Who changed what in this business; the lines of a business stand in its own schema."""

    list_display = ["action_time", "who", "what", "object_repr", "message"]
    list_filter = ["action_flag"]
    list_display_links = None
    list_select_related = ["user", "content_type"]
    date_hierarchy = "action_time"

    @display(description="кто")
    def who(self, entry: LogEntry) -> str:
        return str(entry.user)

    @display(description="что")
    def what(self, entry: LogEntry) -> str:
        return f"{entry.get_action_flag_display()}: {entry.content_type.name if entry.content_type else ''}"

    @display(description="подробнее")
    def message(self, entry: LogEntry) -> str:
        return entry.get_change_message()
