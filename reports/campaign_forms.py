"""Forms of a campaign and of what it cost."""

from __future__ import annotations

from typing import Any

from django import forms

from routing import campaigns, spending
from routing.campaigns import WrongAddress
from routing.models import Campaign
from routing.spending import Line

Landing = Campaign.Landing
MEDIUMS = (
    ("cpc", "реклама с оплатой за клик"),
    ("cpm", "реклама с оплатой за показы"),
    ("target", "таргет в соцсетях"),
    ("social", "посты и истории, без оплаты"),
    ("blogger", "блогер"),
    ("qr", "листовка, вывеска, QR-код"),
    ("sms", "рассылка СМС"),
    ("email", "рассылка по почте"),
    ("referral", "партнёр"),
)
SOURCES = ("vk", "yandex", "telegram", "insta", "2gis", "avito", "max", "flyer")
_PLACES = {
    Landing.WHATSAPP: ("Номер WhatsApp", "+7 917 000-12-34"),
    Landing.TELEGRAM: ("Бот в Telegram", "vesna_bot"),
    Landing.VK: ("Группа ВКонтакте", "vesna_ufa"),
    Landing.MAX: ("Бот в MAX", "vesna_bot"),
    Landing.WEBCHAT: ("Страница с чатом", "https://vesna-ufa.ru"),
    Landing.FORM: ("Страница с формой", "https://vesna-ufa.ru/form"),
}


class CampaignForm(forms.ModelForm):
    utm_medium = forms.ChoiceField(label="Вид рекламы", choices=MEDIUMS)

    class Meta:
        model = Campaign
        fields = [
            "name",
            "utm_source",
            "utm_medium",
            "promo",
            "landing",
            "utm_campaign",
            "utm_content",
            "utm_term",
        ]
        labels = {
            "name": "Название",
            "utm_source": "Где рекламируете",
            "promo": "Промокод",
            "landing": "Куда ведёт ссылка",
            "utm_campaign": "utm_campaign",
            "utm_content": "utm_content",
            "utm_term": "utm_term",
        }
        help_texts = {
            "name": "Для вас: «Осень ВКонтакте», «Листовка в лифте».",
            "utm_source": "Одно слово, оно же метка utm_source: vk, yandex, flyer.",
            "promo": "Встанет в заявку сам, клиенту не надо его писать.",
            "utm_campaign": "По ней расход находит свою кампанию. Пусто: возьмём из названия.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = self.instance.addresses if self.instance.pk else self._last_addresses()
        for landing, (label, example) in _PLACES.items():
            self.fields[f"to_{landing}"] = forms.CharField(
                label=label,
                required=False,
                max_length=300,
                initial=known.get(landing, ""),
                widget=forms.TextInput(attrs={"placeholder": example}),
            )
        if self.instance.pk and self.instance.utm_medium not in dict(MEDIUMS):
            own = self.instance.utm_medium
            self.fields["utm_medium"].choices = [(own, own), *MEDIUMS]
        self.fields["utm_source"].widget.attrs["list"] = "sources"
        self.fields["landing"].choices = Landing.choices
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "input"
            if name in self.errors:
                field.widget.attrs["aria-invalid"] = "true"

    @staticmethod
    def _last_addresses() -> dict[str, str]:
        """A business's bots and pages are the same in its next campaign."""
        return Campaign.objects.order_by("-pk").values_list("addresses", flat=True).first() or {}

    @property
    def places(self) -> list[forms.BoundField]:
        return [self[f"to_{landing}"] for landing in _PLACES]

    @property
    def main(self) -> list[forms.BoundField]:
        return [self[name] for name in ("name", "utm_source", "utm_medium", "promo")]

    @property
    def marks(self) -> list[forms.BoundField]:
        return [self[name] for name in ("utm_campaign", "utm_content", "utm_term")]

    def clean_utm_source(self) -> str:
        return "-".join(self.cleaned_data["utm_source"].lower().split())

    def clean(self) -> dict[str, Any]:
        told = super().clean()
        addresses = {}
        for landing in _PLACES:
            try:
                addresses[str(landing)] = campaigns.address(landing, told.get(f"to_{landing}", ""))
            except WrongAddress as error:
                self.add_error(f"to_{landing}", str(error))
        landing = told.get("landing")
        if landing and f"to_{landing}" not in self.errors and not addresses.get(landing):
            self.add_error(f"to_{landing}", "Ссылка ведёт сюда: укажите адрес.")
        self.instance.addresses = {landing: where for landing, where in addresses.items() if where}
        told["utm_campaign"] = told.get("utm_campaign") or campaigns.mark_from(told.get("name", ""))
        return told


class SpendForm(forms.Form):
    """What one day cost, said by hand."""

    day = forms.DateField(label="День", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    campaign = forms.ModelChoiceField(label="Кампания", queryset=Campaign.objects.all(), empty_label="Выберите")
    amount = forms.CharField(label="Расход, ₽", max_length=20)

    def __init__(self, *args: Any, today: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._today = today
        self.fields["day"].initial = today
        self.fields["day"].widget.attrs["max"] = today.isoformat()
        self.fields["amount"].widget.attrs |= {"inputmode": "decimal", "placeholder": "2 500"}
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"

    def clean_day(self) -> Any:
        if self.cleaned_data["day"] > self._today:
            raise forms.ValidationError("Этот день ещё не наступил.")
        return self.cleaned_data["day"]

    def clean_amount(self) -> int:
        try:
            return spending.read_kopecks(self.cleaned_data["amount"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    @property
    def line(self) -> Line:
        told = self.cleaned_data
        source, mark = told["campaign"].utm_source.lower(), told["campaign"].utm_campaign
        return Line(0, told["day"], source, mark, told["amount"])
