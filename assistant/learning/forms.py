"""Forms of «Обучение»: a file of examples, one example."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminFileFieldWidget

from assistant.intents import LABELS
from assistant.knowledge_import import LARGEST_FILE, Unreadable
from assistant.learning import importing
from assistant.learning.examples import Masker
from assistant.models import TrainingExample


class ExampleForm(forms.ModelForm):
    """What is right can be said and changed here; the words themselves cannot."""

    also = forms.MultipleChoiceField(
        label="Ещё намерения",
        required=False,
        choices=[(key, title) for key, title in LABELS.items() if key not in ("spam", "other")],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = TrainingExample
        fields = ["intent", "also", "urgency", "is_price_sensitive", "emotion", "is_right", "right_reply"]

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or {}
        if told.get("intent") and told["intent"] in told.get("also", []):
            told["also"] = [each for each in told["also"] if each != told["intent"]]
        if told.get("right_reply"):
            told["right_reply"] = Masker().mask(told["right_reply"])
        return told


class ExamplesImportForm(forms.Form):
    """A file of marked messages and dialogues; `reading` holds what was understood, without people."""

    file = forms.FileField(
        label="Файл",
        help_text="CSV, XLSX или JSONL до 2 МБ, до 600 примеров. Столбцы: «Сообщение», «Намерение» и, если есть,"
        " «Ещё намерения», «Срочно», «Важна цена», «Настроение», «Понято», «Ответ», «Верно», «Правильный ответ»."
        " Переписку загрузите по строке на реплику: «Диалог», «Кто» (клиент или ассистент), «Сообщение».",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ",".join(importing.FORMATS)}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        try:
            if file.size > LARGEST_FILE:
                raise Unreadable("Файл больше 2 МБ. Разделите его на части.")
            self.reading = importing.read_file(file.name, file.read(), Masker().mask)
        except Unreadable as error:
            raise forms.ValidationError(str(error)) from None
        return file
