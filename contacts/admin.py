"""Clients: looked at, renamed, marked; never made or removed by hand here."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import register
from django.http import HttpRequest

from contacts.models import Consent, Contact, Identity
from tenants.editing import BusinessAdmin, BusinessInline, ReadOnly
from tenants.sites import business_site


class IdentityInline(ReadOnly, BusinessInline):
    model = Identity
    fields = ["kind", "display_name", "claimed_phone", "phone_proven_at", "is_unreachable"]
    verbose_name_plural = "Откуда пишет"


class ConsentInline(ReadOnly, BusinessInline):
    model = Consent
    fields = ["purpose", "text_version", "kind", "given_at", "withdrawn_at"]
    verbose_name_plural = "Согласия"


@register(Contact, site=business_site)
class ContactAdmin(BusinessAdmin):
    list_display = ["__str__", "phone", "is_vip", "created_at"]
    list_filter = ["is_vip"]
    search_fields = ["name", "phone", "email"]
    ordering = ["-pk"]
    fields = ["name", "is_vip", "note", "phone", "email", "created_at"]
    readonly_fields = ["phone", "email", "created_at"]
    inlines = [IdentityInline, ConsentInline]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
