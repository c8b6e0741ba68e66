"""Forms of the owner's admin, where the owner's words differ from the tables' columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminSingleTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from tenants.business import preferences, shifts, texts
from tenants.business.models import Branch, Letter, MatrixRole, Service, Shift, StaffMember, Stage, Weekday
from tenants.business.preferences import PreferencesForm
from tenants.business.responsibility import check_matrix, gaps
from tenants.business.shifts import SOME_MONDAY, WEEK
from tenants.editing import RoublesField

VARIANTS = 3  # own wordings of one text, used in turn


class ServiceForm(forms.ModelForm):
    price_kopecks = RoublesField(label="Цена, ₽", help_text="Например 1500. Если цена «от и до», здесь нижняя.")
    price_to_kopecks = RoublesField(label="Цена до, ₽", required=False, help_text="Пусто: цена одна.")

    class Meta:
        model = Service
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets name them

    def clean(self) -> dict[str, Any]:
        told = super().clean()
        low, high = told.get("price_kopecks"), told.get("price_to_kopecks")
        if low is not None and high is not None and high < low:
            self.add_error("price_to_kopecks", "Верхняя цена меньше нижней.")
            told.pop("price_to_kopecks", None)
        return told


class StaffForm(PreferencesForm, forms.ModelForm):  # type: ignore[misc, valid-type]  # made by type() of the channels
    """A person, and how they are told of leads."""

    class Meta:
        model = StaffMember
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets name them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in preferences.ORDERS:
            for field in preferences.field_names(name):
                if field in self.fields:
                    self.fields[field].widget = UnfoldAdminSelectWidget(choices=self.fields[field].choices)
        if "off_shift" in self.fields:
            self.fields["off_shift"].widget = UnfoldBooleanSwitchWidget()
        for field, value in self.starting(self.instance.preferences).items():
            self.initial.setdefault(field, value)

    def save(self, commit: bool = True) -> StaffMember:
        if "off_shift" in self.fields:
            self.instance.notice_preferences = preferences.written(self.chosen())
        return super().save(commit)


class ShiftForm(forms.ModelForm):
    """One repeating shift as people say it: a day of the week, or a first day that comes again every n days."""

    day = forms.TypedChoiceField(
        label="День",
        choices=[(str(value), title) for value, title in Weekday.choices] + [("", "через дни")],
        coerce=int,
        empty_value=None,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Shift
        fields = ["day", "anchor_date", "cycle_days", "start", "end", "break_start", "break_end", "branch"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shift = self.instance
        self.fields["anchor_date"].label, self.fields["cycle_days"].label = "рабочий день", "каждые, дней"
        self.fields["anchor_date"].required = self.fields["cycle_days"].required = False
        self.fields["anchor_date"].help_text = self.fields["cycle_days"].help_text = ""
        if shift.pk is None:
            self.initial.setdefault("day", "0")
            self.initial["cycle_days"] = None
            return
        first = shift.anchor_date + timedelta(days=shift.offset_day)
        if shift.cycle_days == WEEK:
            self.initial.update(day=first.weekday(), anchor_date=None, cycle_days=None)
        else:
            self.initial.update(day=None, anchor_date=first)

    def clean(self) -> dict[str, Any]:
        told = super().clean()
        self.instance.offset_day = 0
        if told.get("day") is not None:
            told["anchor_date"], told["cycle_days"] = SOME_MONDAY, WEEK
            self.instance.offset_day = told["day"]
            return told
        if not told.get("anchor_date") and "anchor_date" not in self.errors:
            self.add_error("anchor_date", "Укажите любой рабочий день этого графика.")
        if not told.get("cycle_days") and "cycle_days" not in self.errors:
            self.add_error("cycle_days", "Через сколько дней смена повторяется: для 2 через 2 это 4.")
        return told


class FillShiftsForm(forms.Form):
    """«Заполнить смены»: by weekdays, or days on and off."""

    kind = forms.ChoiceField(
        label="График",
        choices=[("weekly", "По дням недели"), ("alternating", "Скользящий: 2 через 2, 3 через 3…")],
        widget=UnfoldAdminSelectWidget,
    )
    weekdays = forms.TypedMultipleChoiceField(
        label="Рабочие дни недели",
        choices=Weekday.choices,
        coerce=int,
        required=False,
        initial=[0, 1, 2, 3, 4],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    first_day = forms.DateField(
        label="Первый рабочий день",
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text="Для скользящего графика.",
    )
    days_on = forms.IntegerField(
        label="Дней работы подряд",
        min_value=1,
        max_value=28,
        initial=2,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    days_off = forms.IntegerField(
        label="Дней отдыха подряд",
        min_value=1,
        max_value=28,
        initial=2,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    start = forms.TimeField(label="Начало", initial="09:00", widget=UnfoldAdminSingleTimeWidget)
    end = forms.TimeField(label="Конец", initial="21:00", widget=UnfoldAdminSingleTimeWidget)
    break_start = forms.TimeField(label="Перерыв с", required=False, widget=UnfoldAdminSingleTimeWidget)
    break_end = forms.TimeField(label="Перерыв до", required=False, widget=UnfoldAdminSingleTimeWidget)
    branch = forms.ModelChoiceField(
        label="Филиал", queryset=Branch.objects.none(), empty_label=None, widget=UnfoldAdminSelectWidget
    )
    replace = forms.BooleanField(
        label="Заменить прежние смены",
        initial=True,
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Отпуска и другие изменения по датам останутся.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["branch"].queryset = Branch.objects.filter(is_active=True)

    def clean(self) -> dict[str, Any]:
        told = super().clean()
        self._check_order("start", "end", "Конец смены должен быть позже начала.")
        self._check_order("break_start", "break_end", "Конец перерыва должен быть позже начала.")
        if bool(told.get("break_start")) != bool(told.get("break_end")):
            self.add_error("break_end", "Перерыв: укажите и начало, и конец.")
        if told.get("kind") == "weekly" and not told.get("weekdays"):
            self.add_error("weekdays", "Отметьте хотя бы один рабочий день.")
        if told.get("kind") == "alternating":
            for name in ("first_day", "days_on", "days_off"):
                if not told.get(name) and name not in self.errors:
                    self.add_error(name, "Нужно для скользящего графика.")
        return told

    def _check_order(self, first: str, second: str, words: str) -> None:
        start, end = self.cleaned_data.get(first), self.cleaned_data.get(second)
        if start and end and start >= end:
            self.add_error(second, words)

    def plan(self) -> shifts.Plan:
        told = self.cleaned_data
        if told["kind"] == "weekly":
            return shifts.weekly(told["weekdays"])
        return shifts.alternating(told["first_day"], told["days_on"], told["days_off"])

    def pause(self) -> tuple | None:
        told = self.cleaned_data
        return (told["break_start"], told["break_end"]) if told["break_start"] else None


class MatrixForm(forms.Form):
    """The responsibility matrix as one grid: a select for each stage and role. `seen`: the version that the page
    showed; None where none was kept yet."""

    note = forms.CharField(
        label="Зачем меняете",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "lh-input", "placeholder": "Необязательно: увидят в истории"}),
    )

    def __init__(
        self, *args: Any, cells: dict[str, dict[str, str]], people: dict[str, int], seen: int | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._shown, self._people, self._seen = cells, people, seen
        for stage, stage_title in Stage.choices:
            for role, role_title in MatrixRole.choices:
                self.fields[f"{stage}-{role}"] = forms.ChoiceField(
                    label=f"{stage_title}, {role_title.lower()}",
                    choices=[("", "—"), *((letter, letter) for letter in Letter.values)],
                    initial=cells.get(stage, {}).get(role, ""),
                    required=False,
                    widget=forms.Select(
                        attrs={"class": "lh-letter", "aria-label": f"{stage_title}: {role_title}", "data-role": role}
                    ),
                )

    def cells(self) -> dict[str, dict[str, str]]:
        """stage -> role -> letter, empty cells left out."""
        return {
            stage: {role: letter for role in MatrixRole.values if (letter := self.cleaned_data.get(f"{stage}-{role}"))}
            for stage in Stage.values
        }

    def clean(self) -> dict[str, Any]:
        told = super().clean()
        seen = self.data.get("seen", "")
        if seen and seen != str(self._seen or 0):
            raise ValidationError(
                f"Пока вы правили, матрицу сохранили ещё раз (версия {self._seen}). "
                "Сверьтесь с историей и сохраните снова: останется то, что сейчас на экране."
            )
        if check_matrix(self.cells()):
            raise ValidationError("Матрица не сохранена: исправьте отмеченные строки.")
        return told

    def rows(self) -> list[dict[str, Any]]:
        """For the page: a stage's title, its selects in the order of roles, what is wrong with it, what will not
        work."""
        shown = self.cells() if self.is_bound and hasattr(self, "cleaned_data") else self._shown
        wrong, doubtful = check_matrix(shown), gaps(shown, self._people)
        return [
            {
                "stage": stage,
                "title": title,
                "cells": [(role_title, self[f"{stage}-{role}"]) for role, role_title in MatrixRole.choices],
                "errors": [text.partition(": ")[2] for text in wrong.get(stage, [])]
                if shown.get(stage)
                else ["этап не заполнен: нужны A и хотя бы один R"],
                "hints": doubtful.get(stage, []),
            }
            for stage, title in Stage.choices
        ]


class TextForm(forms.Form):
    """A business's own wording of one text: up to three variants of equal meaning, said in turn."""

    def __init__(self, *args: Any, entry: texts.Text, usual: Sequence[str], own: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entry = entry
        shown = own or list(usual)
        for number in range(max(VARIANTS, len(shown))):
            self.fields[f"text_{number}"] = forms.CharField(
                label="Текст" if number == 0 else f"Вариант {number + 1}",
                initial=shown[number] if number < len(shown) else "",
                required=number == 0,
                validators=[self._check],
                widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
                error_messages={"required": "Текст не может быть пустым. Чтобы вернуть исходный, нажмите кнопку ниже."},
            )

    def _check(self, text: str) -> None:
        if wrong := texts.check(self.entry.key, text.replace("\r\n", "\n")):
            raise ValidationError(wrong)

    def variants(self) -> list[str]:
        return [text.replace("\r\n", "\n") for text in self.cleaned_data.values() if text]
