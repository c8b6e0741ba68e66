"""Appointments, to look at. They are booked, moved and cancelled in the calendar, by `booking.actions`."""

from __future__ import annotations

from django.contrib.admin import register
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from booking.models import Appointment
from tenants.editing import BusinessAdmin, ReadOnly, money
from tenants.sites import business_site


@register(Appointment, site=business_site)
class AppointmentAdmin(ReadOnly, BusinessAdmin):
    list_display = ["starts_at", "contact", "staff", "shown_services", "shown_price", "shown_status"]
    list_filter = ["status", "staff", "branch"]
    list_select_related = ["contact", "staff"]
    search_fields = ["contact__name", "contact__phone"]
    date_hierarchy = "starts_at"
    ordering = ["-starts_at"]
    fields = [
        "starts_at",
        "ends_at",
        "contact",
        "for_whom",
        "staff",
        "branch",
        "shown_services",
        "shown_price",
        "status",
        "by_assistant",
        "cancel_reason",
        "created_at",
        "booked_at",
        "confirmed_at",
        "closed_at",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("services")

    @display(description="услуги")
    def shown_services(self, appointment: Appointment) -> str:
        return ", ".join(service.name for service in appointment.services.all()) or "—"

    @display(description="цена")
    def shown_price(self, appointment: Appointment) -> str:
        return money(appointment.price_kopecks)

    @display(
        description="состояние",
        label={
            "время держится": "info",
            "записан": "info",
            "подтвердил": "success",
            "пришёл": "success",
            "не пришёл": "danger",
            "отменён": "warning",
            "не дождались": "warning",
        },
    )
    def shown_status(self, appointment: Appointment) -> str:
        return appointment.get_status_display()
