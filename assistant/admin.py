"""What the assistant may quote, as the owner writes it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import register

from assistant.models import KnowledgeEntry, Promotion
from tenants.editing import BusinessAdmin
from tenants.sites import business_site


@register(KnowledgeEntry, site=business_site)
class KnowledgeEntryAdmin(BusinessAdmin):
    rights_room = "business"
    list_display = ["question", "is_active", "position"]
    list_filter = ["is_active"]
    search_fields = ["question", "answer"]
    fields = ["question", "answer", "is_active", "position"]


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
