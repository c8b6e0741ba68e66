"""What will be said to clients and what was: each line explains itself."""

from __future__ import annotations

from django.contrib.admin import register
from unfold.decorators import display

from reminders.models import Reminder
from tenants.editing import BusinessAdmin, ReadOnly
from tenants.sites import business_site


@register(Reminder, site=business_site)
class ReminderAdmin(ReadOnly, BusinessAdmin):
    list_display = ["due_at", "kind", "contact", "shown_status", "reason"]
    list_filter = ["status", "kind"]
    list_select_related = ["contact"]
    search_fields = ["contact__name", "contact__phone"]
    ordering = ["-due_at"]
    fields = ["kind", "contact", "appointment", "lead", "due_at", "status", "reason", "done_at"]

    @display(
        description="состояние",
        label={
            "запланировано": "info",
            "отправлено": "success",
            "не понадобилось": "warning",
            "отменено": "warning",
            "не отправлено": "danger",
        },
    )
    def shown_status(self, reminder: Reminder) -> str:
        return reminder.get_status_display()
