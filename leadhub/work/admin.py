"""Due work as an operator sees it. Registered by the room above that holds the admin sites."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import SimpleListFilter, helpers
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from leadhub import clock
from leadhub.work import mending
from leadhub.work.models import DueWork


class StateFilter(SimpleListFilter):
    title, parameter_name = "состояние", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failed", "остановлено"), ("late", "срок прошёл"), ("waiting", "ждёт срока")]

    def queryset(self, request: HttpRequest, rows: QuerySet) -> QuerySet:
        now = clock.now()
        states = {
            "failed": Q(failed_at__isnull=False),
            "late": Q(failed_at=None, due_at__lte=now),
            "waiting": Q(failed_at=None, due_at__gt=now),
        }
        return rows.filter(states[self.value()]) if self.value() in states else rows


class DueWorkAdmin(ModelAdmin):
    """What is owed, what stopped and why; stopped work is run again or dropped."""

    list_display = ["handler", "schema", "ids", "shown_state", "due_at", "attempts", "last_error"]
    list_filter = [StateFilter, "handler", "queue"]
    search_fields = ["handler", "key", "schema"]
    ordering = ["due_at"]
    actions = ["run_again", "drop"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @display(
        description="состояние",
        label={"остановлено": "danger", "повторяется": "warning", "ждёт": "info"},
    )
    def shown_state(self, row: DueWork) -> str:
        if row.failed_at:
            return "остановлено"
        return "повторяется" if row.attempts else "ждёт"

    @action(description="Выполнить ещё раз", permissions=["retry"])
    def run_again(self, request: HttpRequest, rows: QuerySet) -> None:
        number = mending.run_again(rows.order_by(), now=clock.now())
        messages.success(request, f"Отправлено на выполнение: {number}.")

    @action(description="Отменить работу", permissions=["retry"])
    def drop(self, request: HttpRequest, rows: QuerySet) -> HttpResponse | None:
        """Asked once more before anything is lost."""
        if "confirmed" in request.POST:
            messages.success(request, f"Отменено работ: {mending.drop(rows.order_by())}.")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Отменить работу?",
            "opts": self.opts,
            "rows": rows,
            "checkbox": helpers.ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/drop_work.html", context)
