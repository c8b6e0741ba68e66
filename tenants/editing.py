"""What every page of the business's admin is built from: fields, rights by role, single rows, read-only lists."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db.models import Model, TextField, TimeField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import capfirst
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSingleTimeWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from tenants import access

LARGEST_ROUBLES = 20_000_000  # what a column of kopecks can hold, with room

# --- Fields -------------------------------------------------------------------------------------------------------


class LinesField(forms.Field):
    """A list of short texts, one a line; blank lines and repetitions are dropped."""

    widget = UnfoldAdminTextareaWidget

    def __init__(self, *, base_field: Any = None, max_length: int | None = None, **kwargs: Any) -> None:
        self.longest = getattr(base_field, "max_length", None) or 200
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, (list, tuple)) else value

    def to_python(self, value: Any) -> list[str]:
        lines = value if isinstance(value, (list, tuple)) else str(value or "").splitlines()
        return list(dict.fromkeys(" ".join(line.split()) for line in lines if line.strip()))

    def validate(self, value: list[str]) -> None:
        super().validate(value)
        for line in value:
            if len(line) > self.longest:
                raise ValidationError(f"Слишком длинная строка (больше {self.longest} знаков): {line[:40]}…")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(initial) != self.to_python(data)


class RoublesField(forms.Field):
    """Money: people read and write roubles («1 500», «1500,50»), the value is kopecks; None when blank."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return roubles(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:
        if value is None or isinstance(value, int):
            return value
        told = re.sub(r"\s|₽|руб\.?$|р\.?$", "", str(value)).replace(",", ".")
        if not told:
            return None
        if not re.fullmatch(r"\d+(\.\d{1,2})?", told, re.ASCII):
            raise ValidationError("Введите сумму в рублях, например 1500 или 1500,50.")
        whole, _, part = told.partition(".")
        kopecks = int(whole) * 100 + int(part.ljust(2, "0") or 0)
        if kopecks > LARGEST_ROUBLES * 100:
            raise ValidationError(f"Не больше {LARGEST_ROUBLES:,} ₽.".replace(",", " "))
        return kopecks

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return initial != self.to_python(data)
        except ValidationError:
            return True


def roubles(kopecks: int) -> str:
    """150050 -> «1500,50», 150000 -> «1500»: as it stands in a field."""
    whole, part = divmod(kopecks, 100)
    return f"{whole},{part:02d}" if part else str(whole)


def money(kopecks: int | None) -> str:
    """150000 -> «1 500 ₽», for reading; a dash for None."""
    if kopecks is None:
        return "—"
    whole, part = divmod(kopecks, 100)
    return f"{whole:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") + (f",{part:02d}" if part else "") + " ₽"


# Times without seconds, lists as lines.
OVERRIDES = {
    ArrayField: {"form_class": LinesField, "widget": UnfoldAdminTextareaWidget(attrs={"rows": 5})},
    TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 5})},
    TimeField: {"widget": UnfoldAdminSingleTimeWidget(format="%H:%M")},
}

# --- Rights -------------------------------------------------------------------------------------------------------


class ByRole:
    """Rights from the member's role. `rights_room`: another room whose rights decide."""

    rights_room = ""

    def _may(self, request: HttpRequest, action: str) -> bool:
        room = self.rights_room or self.opts.app_label
        return access.may_edit(request.member, room, action)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "view")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "delete")


class PlainPages:
    """Pages of an admin in words that need no cases; deleting is asked for above, away from the button that saves."""

    list_per_page = 50
    actions_detail: list[str] = ["to_delete"]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        what = capfirst(self.opts.verbose_name)
        context.update(title=what if context["original"] else f"{what}: добавить", show_delete=False)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        allowed = super().get_actions_detail(request, object_id)
        obj = self.get_object(request, str(object_id))
        may_delete = obj is not None and self.has_delete_permission(request, obj)
        return [one for one in allowed if may_delete or not one.action_name.endswith("_to_delete")]

    @action(description="Удалить", url_path="to_delete", icon="delete")
    def to_delete(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """On to the page that asks once more."""
        opts = self.opts
        return redirect(f"admin:{opts.app_label}_{opts.model_name}_delete", object_id)


class BusinessAdmin(ByRole, PlainPages, ModelAdmin):
    """A list and a form of the business's admin. `instead_of_deleting`: what to do with a row that others need."""

    formfield_overrides = OVERRIDES
    warn_unsaved_form = True
    instead_of_deleting = ""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """What others list among theirs (a service in a visit, a skill of a person) is needed as well."""
        to_delete, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        lists = [relation for relation in self.opts.related_objects if relation.many_to_many]
        used = [obj for obj in objs for relation in lists if getattr(obj, relation.get_accessor_name()).exists()]
        return to_delete, counts, perms_needed, [*protected, *map(str, used)]

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        """Asks once more; what others need is not deleted, and the owner reads what to do instead."""
        if not context["protected"] and not context["perms_lacking"]:
            return super().render_delete_form(request, context)
        messages.warning(request, self.instead_of_deleting or "Удалить нельзя: этим пользуются другие записи.")
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", context["object"].pk)


class BusinessInline(ByRole, TabularInline):
    """Rows that belong to the row above them."""

    formfield_overrides = OVERRIDES
    extra = 0
    hide_title = True


class ReadOnly:
    """Looked at, never edited here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SingleRow(BusinessAdmin):
    """A table of exactly one row (pk 1): its page opens at once; nothing is added or deleted.

    `help_texts`: what a field does, where its model does not say it."""

    help_texts: dict[str, str] = {}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, help_texts=self.help_texts, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        self.model._default_manager.get_or_create(pk=1, defaults=self.first_values(request))
        return redirect(self._own_url())

    def first_values(self, request: HttpRequest) -> dict[str, Any]:
        """What the row starts with, besides the model's defaults."""
        return {}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def response_change(self, request: HttpRequest, obj: Model) -> HttpResponse:
        messages.success(request, "Сохранено.")
        return redirect(self._own_url())

    def _own_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[1])
