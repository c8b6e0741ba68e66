"""Forms of this room's pages in the owner's admin."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from assistant import knowledge_import, prompts
from assistant.models import KnowledgeEntry, LanguageModel
from tenants.editing import RoublesField

KEPT = "Сохранён и не показывается. Оставьте пустым, чтобы не менять."


class PromptField(forms.CharField):
    """A long text; browsers write line breaks in their own way, which changes nothing."""

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n").strip()

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(initial) != self.to_python(data)


class LanguageModelForm(forms.ModelForm):
    """The key goes in and never comes out; instructions that were changed become a version of their own."""

    model_cap_kopecks = RoublesField(
        label="Не дороже в месяц, ₽",
        help_text="Когда предел достигнут, ассистент понимает сообщения сам. 0: не тратить.",
    )
    typed_key = forms.CharField(
        label="Свой ключ",
        required=False,
        max_length=300,
        help_text="Не обязательно: без него работает общий ключ установки.",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    forget_key = forms.BooleanField(label="Удалить свой ключ", required=False, widget=UnfoldBooleanSwitchWidget)
    prompt = PromptField(
        label="Указания модели",
        required=False,
        max_length=prompts.LONGEST_PROMPT,
        help_text="Что модель должна знать о вашем деле. Изменённый текст станет новой версией; пустой вернёт"
        " стандартный. Правила безопасности и форма ответа добавляются сами.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 16}),
    )
    prompt_version = forms.TypedChoiceField(
        label="Вернуть версию",
        required=False,
        coerce=int,
        empty_value=None,
        help_text="Выберите, чтобы вернуть прежние указания; текст выше при этом не меняйте.",
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = LanguageModel
        fields = ["model_use", "model_below", "compares_meaning", "model_cap_kopecks", "model_name"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row = self.instance
        self.initial["prompt"] = row.model_prompt or prompts.DEFAULT
        self.initial["prompt_version"] = row.model_prompt_version if row.model_prompt else 0
        if not row.model_prompts:
            self.fields.pop("prompt_version", None)
        if not row.model_secret:
            self.fields.pop("forget_key", None)
        version: Any = self.fields.get("prompt_version")
        if version:
            own = [(one["version"], f"{one['version']} · {one['at'][:10]}, {one['by']}") for one in row.model_prompts]
            version.choices = [(0, "Стандартные"), *reversed(own)]
        if "typed_key" in self.fields and row.model_secret:
            self.fields["typed_key"].help_text = KEPT

    def apply(self, row: LanguageModel, *, by: str, now: datetime) -> None:
        """Put what was typed into the row: the key, the instructions, or an earlier version of them."""
        told = self.cleaned_data
        if told.get("typed_key"):
            row.model_key = told["typed_key"].strip()
        elif told.get("forget_key"):
            row.model_key = ""
        if "prompt" in self.changed_data:
            text = told["prompt"]
            row.word_model_prompt("" if text == prompts.DEFAULT else text, by=by, now=now)
        elif "prompt_version" in self.changed_data and told.get("prompt_version") is not None:
            row.model_prompt_version = told["prompt_version"]


class KnowledgeImportForm(forms.Form):
    """A text or a file to read questions and answers from; `reading` holds what was understood."""

    text = forms.CharField(
        label="Текст или страница",
        required=False,
        help_text="Пары «Вопрос: …» и «Ответ: …», строки с «?» на конце или заголовки, под каждым ответ."
        " Можно вставить и целую страницу сайта. До 200 000 знаков.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12}),
    )
    file = forms.FileField(
        label="Или файл",
        required=False,
        help_text="TXT, CSV, XLSX или DOCX до 2 МБ. В таблице столбцы «Вопрос», «Ответ» и, если нужно,"
        " «Другие формулировки» (через точку с запятой) и «Вид».",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ",".join(knowledge_import.FORMATS)}),
    )
    kind = forms.ChoiceField(
        label="Вид записей",
        choices=KnowledgeEntry.Kind.choices,
        help_text="Для тех, у кого вид не назван в таблице.",
        widget=UnfoldAdminSelectWidget,
    )

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or {}
        file, text = told.get("file"), told.get("text", "")
        if self.errors:
            return told
        if bool(file) == bool(text):
            raise forms.ValidationError("Вставьте текст или выберите файл: что-то одно.")
        try:
            if not file:
                self.reading = knowledge_import.read_text(text)
            elif file.size > knowledge_import.LARGEST_FILE:
                raise knowledge_import.Unreadable("Файл больше 2 МБ. Разделите его на части.")
            else:
                self.reading = knowledge_import.read_file(file.name, file.read())
        except knowledge_import.Unreadable as error:
            self.add_error("file" if file else "text", str(error))
        return told

    @property
    def source(self) -> str:
        """Where the entries come from, as it is kept with them."""
        file = self.cleaned_data.get("file")
        return f"Файл {file.name}"[:120] if file else "Вставленный текст"
