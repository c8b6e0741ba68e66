"""Terms of reaction as the owner edits them: the usual ones, and exceptions to them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import register
from django.http import HttpRequest, HttpResponse
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from routing.models import SlaPolicy
from routing.policies import LeadFacts, Terms, policy_for
from tenants.business.models import Service
from tenants.editing import BusinessAdmin
from tenants.sites import business_site

CONDITIONS = ("temperature", "service", "category", "channel", "stage")
HELP = {
    "assistant_answer_seconds": "Днём и ночью. Не ответил: зовём человека.",
    "late_answer_seconds": "Ответ написан, но ещё не дошёл, или был сбой: столько ждём, прежде чем звать людей.",
    "hot_take_seconds": "Часы идут в рабочее время сотрудника и заново у каждого следующего.",
    "max_hops": "Сколько сотрудников получат заявку по очереди, прежде чем её получит резервный.",
    "person_answer_seconds": "Первый ответ клиенту с тех пор, как человек взял заявку.",
    "hot_confirm_minutes": "От первого сообщения клиента, в часы работы филиала.",
    "other_confirm_minutes": "Тёплые и холодные, так же.",
    "silence_minutes": "Клиент написал снова и ждёт ответа человека.",
    "crm_card_minutes": "Карточки нет дольше: узнают владелец и старший, видит агентство.",
    "warn_percent": "Ответственному за заявку, например 75. 0: не предупреждать.",
    "pause_waiting": "Мы ответили, следующее слово за клиентом.",
    "pause_agreed": "Клиент просил позвонить в 18:00, или заявку отложили.",
    "position": "Из одинаково точных сроков действуют те, у которых число меньше.",
    "category": "Если сроки не для одной услуги.",
}


ANYTHING = {"temperature": "любая", "service": "любая", "channel": "любой", "stage": "любой"}


class TermsForm(forms.ModelForm):
    """The usual terms are all filled in; an exception says only what differs, and when."""

    category = forms.ChoiceField(label="Раздел услуг", required=False, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = SlaPolicy
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets name them
        help_texts = HELP

    def __init__(self, *args: Any, instance: SlaPolicy | None = None, **kwargs: Any) -> None:
        self.is_usual = bool(instance and instance.is_usual)
        super().__init__(*args, instance=instance.filled() if instance and self.is_usual else instance, **kwargs)
        inherited = _usual().values
        for name in SlaPolicy.DEFAULTS:
            if name not in self.fields:
                continue
            field = self.fields[name]
            field.required = self.is_usual
            if isinstance(field, forms.IntegerField) and not self.is_usual:
                field.widget.attrs["placeholder"] = f"как обычно: {inherited[name]}"
            elif isinstance(field, forms.ChoiceField):
                choices = [choice for choice in field.choices if choice[0]]
                field.choices = choices if self.is_usual else [("", "как обычно"), *choices]
        for name, anything in ANYTHING.items():
            if name in self.fields:
                self.fields[name].choices = [("", anything), *(each for each in self.fields[name].choices if each[0])]
        if "category" in self.fields:
            names = Service.objects.exclude(category="").order_by("category").values_list("category", flat=True)
            known = {*names.distinct(), *([self.instance.category] if self.instance.category else [])}
            self.fields["category"].choices = [("", "любой"), *((name, name) for name in sorted(known))]
            self.fields["category"].help_text = HELP["category"]

    def clean(self) -> dict[str, Any]:
        told = super().clean()
        if self.is_usual:
            return told
        if not any(told.get(name) for name in CONDITIONS):
            self.add_error(None, "Укажите, для каких заявок эти сроки: хотя бы одно условие.")
        if told.get("service") and told.get("category"):
            self.add_error("category", "Выберите или услугу, или раздел.")
        if not any(told.get(name) not in (None, "") for name in SlaPolicy.DEFAULTS):
            self.add_error(None, "Укажите хотя бы один срок, который здесь отличается от основных.")
        return told

    def clean_hot_take_seconds(self) -> int | None:
        return self._positive("hot_take_seconds")

    def clean_person_answer_seconds(self) -> int | None:
        return self._positive("person_answer_seconds")

    def clean_assistant_answer_seconds(self) -> int | None:
        return self._positive("assistant_answer_seconds")

    def _positive(self, name: str) -> int | None:
        value: int | None = self.cleaned_data[name]
        if value == 0:
            raise forms.ValidationError("Не меньше одной секунды.")
        return value


def _usual() -> Terms:
    return policy_for(LeadFacts("", None, "", "", ""), SlaPolicy.objects.filter(pk=1))


@register(SlaPolicy, site=business_site)
class SlaPolicyAdmin(BusinessAdmin):
    form = TermsForm
    list_display = ["shown_name", "shown_conditions", "shown_take", "shown_person", "shown_confirm", "shown_silence"]
    list_select_related = ["service"]
    ordering = ["position", "pk"]

    def get_fieldsets(self, request: HttpRequest, obj: SlaPolicy | None = None) -> Any:
        for_whom = {
            "fields": ["name", *CONDITIONS, "position"],
            "description": "Сроки действуют, когда верны все указанные условия. Из нескольких подходящих побеждают те,"
            " где условий больше; чего в них нет, берётся из следующих и из основных.",
        }
        terms = [
            ("Ассистент", {"fields": ["assistant_answer_seconds", "late_answer_seconds"]}),
            ("Заявка у человека", {"fields": ["hot_take_seconds", "max_hops", "person_answer_seconds"]}),
            ("До записи", {"fields": ["hot_confirm_minutes", "other_confirm_minutes", "silence_minutes"]}),
            ("Паузы", {"fields": ["pause_waiting", "pause_agreed"]}),
            (
                "Предупредить и сделать",
                {
                    "fields": ["warn_percent", "take_action", "person_action", "silence_action", "confirm_action"],
                    "description": "Что сделать, когда срок вышел. Если сделать этого нельзя, узнает тот, кто отвечает"
                    " за этап (A в матрице).",
                },
            ),
            ("Битрикс24", {"fields": ["crm_card_minutes"]}),
        ]
        own = [] if obj and obj.is_usual else [("Для каких заявок", for_whom)]
        return own + terms

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if self.has_view_permission(request):
            SlaPolicy.objects.get_or_create(pk=1)
        return super().changelist_view(request, extra_context)

    def has_delete_permission(self, request: HttpRequest, obj: SlaPolicy | None = None) -> bool:
        return not (obj and obj.is_usual) and super().has_delete_permission(request, obj)

    @display(description="сроки")
    def shown_name(self, policy: SlaPolicy) -> str:
        return str(policy)

    @display(description="для каких заявок")
    def shown_conditions(self, policy: SlaPolicy) -> str:
        if policy.is_usual:
            return "все остальные"
        told = [
            policy.get_temperature_display(),
            policy.service and policy.service.name,
            policy.category,
            policy.get_channel_display(),
            policy.get_stage_display(),
        ]
        return ", ".join(part for part in told if part)

    @display(description="взять, с")
    def shown_take(self, policy: SlaPolicy) -> str:
        return _shown(policy, "hot_take_seconds")

    @display(description="ответить, с")
    def shown_person(self, policy: SlaPolicy) -> str:
        return _shown(policy, "person_answer_seconds")

    @display(description="записать (горячую / иную), мин")
    def shown_confirm(self, policy: SlaPolicy) -> str:
        terms = [_shown(policy, name) for name in ("hot_confirm_minutes", "other_confirm_minutes")]
        return terms[0] if len(set(terms)) == 1 else " / ".join(terms)

    @display(description="молчание, мин")
    def shown_silence(self, policy: SlaPolicy) -> str:
        return _shown(policy, "silence_minutes")


def _shown(policy: SlaPolicy, name: str) -> str:
    """A term in the list: an exception shows only what it sets itself."""
    value = getattr(policy, name)
    if value is None and policy.is_usual:
        value = SlaPolicy.DEFAULTS[name]
    return "—" if value is None else str(value)
