"""The portal as its owner connects it; the webhook's key goes in and never comes out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import SimpleListFilter, register
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget

from crm import checking, queries
from crm.connection import forget_known, parse_webhook
from crm.models import Connection, Link
from leadhub import clock
from routing.models import Lead
from tenants.editing import BusinessAdmin, ReadOnly
from tenants.sites import business_site


class ConnectionForm(forms.ModelForm):
    """The portal shows one address that holds both its name and the key: that is what people paste."""

    webhook = forms.CharField(
        label="Адрес вебхука",
        required=False,
        max_length=300,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="В портале: Разработчикам → Другое → Входящий вебхук. Права: CRM, Задачи, Пользователи."
        " Выглядит так: https://salon.bitrix24.ru/rest/1/ключ/",
    )

    class Meta:
        model = Connection
        fields = ["is_active", "default_user_id"]
        help_texts = {
            "default_user_id": "Номер сотрудника в портале: он получает карточки тех, кого в портале нет.",
            "is_active": "Выключено: заявки в портал не передаются.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "webhook" in self.fields and self.instance.webhook_token:
            self.fields["webhook"].help_text = "Сохранён и не показывается. Оставьте пустым, чтобы не менять."

    def clean_webhook(self) -> str:
        told = self.cleaned_data["webhook"].strip()
        if not told:
            if not self.instance.webhook_token:
                raise forms.ValidationError("Без адреса вебхука портал не подключить.")
            return ""
        try:
            self.instance.domain, self.instance.webhook_token = parse_webhook(told)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        return told


@register(Connection, site=business_site)
class ConnectionAdmin(BusinessAdmin):
    """The one connection: its page opens at once."""

    form = ConnectionForm
    readonly_fields = ["domain", "shown_state", "last_ok_at", "paused_until"]
    actions_detail = ["check_connection", "to_delete"]

    def get_fieldsets(self, request: HttpRequest, obj: Connection | None = None) -> Any:
        parts = [(None, {"fields": ["webhook", "default_user_id", "is_active"]})]
        if not self.has_change_permission(request):
            parts = [(None, {"fields": ["default_user_id", "is_active"]})]
        if obj:
            parts.append(("Состояние", {"fields": ["domain", "shown_state", "last_ok_at", "paused_until"]}))
        return parts

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        found = Connection.objects.order_by("pk").first()
        if found and self.has_view_permission(request):
            return redirect("admin:crm_connection_change", found.pk)
        if self.has_add_permission(request):
            return redirect("admin:crm_connection_add")
        return super().changelist_view(request, extra_context)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and not Connection.objects.exists()

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        forget_known()

    def response_add(self, request: HttpRequest, obj: Connection, post_url_continue: str | None = None) -> HttpResponse:
        return self._to_check(obj)

    def response_change(self, request: HttpRequest, obj: Connection) -> HttpResponse:
        return self._to_check(obj)

    def _to_check(self, obj: Connection) -> HttpResponse:
        return redirect(reverse("admin:crm_connection_check_connection", args=[obj.pk]))

    @action(description="Проверить подключение", permissions=["change"], url_path="check", icon="network_check")
    def check_connection(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks the portal: outside the form's transaction, for an answer may take long."""
        found = self.get_object(request, object_id)
        if found is None:
            raise PermissionDenied
        findings = None
        if request.method == "POST":
            findings = checking.check(found, now=clock.now())
            found.refresh_from_db()
            self.log_change(request, found, "Подключение проверено.")
        context = {
            **self.admin_site.each_context(request),
            "title": "Проверка подключения",
            "opts": self.opts,
            "original": found,
            "findings": findings,
        }
        return TemplateResponse(request, "admin/check_connection.html", context)

    @display(description="состояние", label={"работает": "success", "выключено": "warning", "ещё не проверено": "info"})
    def shown_state(self, found: Connection) -> str:
        if found.broken_reason:
            return f"остановлено: {found.broken_reason}"
        if not found.is_active:
            return "выключено"
        return "работает" if found.last_ok_at else "ещё не проверено"


class ErrorFilter(SimpleListFilter):
    title, parameter_name = "обмен", "error"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "с ошибкой"), ("no", "без ошибки")]

    def queryset(self, request: HttpRequest, rows: QuerySet) -> QuerySet:
        if self.value() == "yes":
            return rows.exclude(error="")
        return rows.filter(error="") if self.value() == "no" else rows


@register(Link, site=business_site)
class LinkAdmin(ReadOnly, BusinessAdmin):
    """What stands in the portal, and what could not be written there."""

    list_display = ["kind", "local_id", "remote_id", "synced_at", "error"]
    list_filter = ["kind", ErrorFilter]
    ordering = ["-pk"]
    fields = ["kind", "local_id", "remote_id", "synced_at", "error"]
    actions = ["send_again"]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "change")

    @action(description="Передать ещё раз", permissions=["retry"])
    def send_again(self, request: HttpRequest, rows: QuerySet) -> None:
        """A lead's push brings its contact, deals and tasks along."""
        numbers = rows.filter(kind=Link.Kind.LEAD).values_list("local_id", flat=True)
        leads = list(Lead.objects.filter(pk__in=list(numbers)))
        for lead in leads:
            queries.retry(lead, now=clock.now())
        if leads:
            messages.success(request, f"Передаётся ещё раз, заявок: {len(leads)}.")
        else:
            messages.warning(request, "Отметьте строки с видом «Лид»: вместе с ними передаётся и остальное.")
