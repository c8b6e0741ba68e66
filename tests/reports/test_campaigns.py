"""The page «Кампании»: figures, forms, links, codes to print, spend; for whom."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from routing import campaigns
from routing.models import AdSpend, Campaign
from tests.reports.conftest import at

SHEET = "Дата;Кампания;Показы;Расход, руб\n24.11.2026;Осень;100;1 000,50\n25.11.2026;Осень;100;500\nИтого;;;1500,50\n"
FORM = {
    "name": "Осень", "utm_source": "VK", "utm_medium": "cpc", "promo": "ОСЕНЬ15", "landing": "telegram",
    "to_telegram": "@vesna_bot", "to_whatsapp": "8 917 000-12-34",
}  # fmt: skip


def words(answer):
    return " ".join(strip_tags(answer.content.decode()).replace("\u202f", " ").replace("\xa0", " ").split())


@pytest.fixture
def mila(salon):
    return salon.browser("mila")


@pytest.fixture
def autumn(salon, clock):
    return campaigns.save(
        Campaign(
            name="Осень", utm_source="vk", utm_medium="cpc", utm_campaign="autumn", landing="telegram",
            addresses={"telegram": "vesna_bot", "whatsapp": "+79170001234"}, clicks={"2026-11-24": 7, "2026-09-01": 90},
        ),
        now=clock.now(),
    )  # fmt: skip


@pytest.fixture
def advertised(autumn, past):
    """Two leads of the campaign, one of whom came for the first time; 900 ₽ spent; one lead of unknown marks."""
    past.lead("Ира", at(24, 10), source="VK", utm_campaign="Autumn")
    past.lead("Юля", at(24, 11), source="vk", utm_campaign="autumn")
    past.lead("Чужая", at(24, 12), source="yandex", utm_campaign="brand")
    past.lead("Спам", at(24, 13), source="vk", utm_campaign="autumn", status="quarantine")
    past.lead("Стёртый спам", at(24, 13), source="vk", utm_campaign="autumn", status="spam")
    past.visit("Ира", at(24, 18), "arrived", booked=at(24, 10, 5), price=3000, closed_at=at(24, 19))
    past.spend(24, "vk", 900, "autumn")
    return autumn


def test_marketing_sees_who_is_handed_to_it_and_where_from(salon, neighbour, mila, past):
    past.lead("Ира", at(20, 10), source="vk", utm_campaign="autumn", status="nurture", outcome_at=at(24, 10))
    past.lead("Юля", at(24, 11), source="yandex", status="refused", outcome_at=at(24, 12))
    past.lead("Давняя", at(3, 11), source="yandex", status="nurture", outcome_at=at(4, 12))
    page = "reports/leads/?figure=nurture&from=2026-11-24&to=2026-11-25"
    shown = words(mila.get(salon.url(page)))
    assert "Возврат клиентов 1" in shown
    assert "vk · autumn" in shown
    assert "Ира" not in shown  # clients by number for who has no inbox
    assert "Ира" in words(salon.browser("viktor").get(salon.url(page)))
    assert "figure=nurture" in mila.get(salon.url("reports/campaigns/")).content.decode()
    assert salon.browser("anna").get(salon.url(page)).status_code == 403
    assert "autumn" not in words(neighbour.browser("viktor").get(neighbour.url(page)))


def test_the_list_tells_what_advertising_brought_and_cost(salon, mila, advertised):
    shown = words(mila.get(salon.url("reports/campaigns/")))
    assert "· autumn 7 2 1 1 900 ₽ 450 ₽ 900 ₽" in shown
    assert "Метки без кампании" in shown
    assert "brand" in shown
    one = words(mila.get(salon.url(f"reports/campaigns/{advertised.pk}/?from=2026-11-24&to=2026-11-24")))
    figures = "Переходы 7 Заявки 2 Записались 1 Новые клиенты 1 Расход 900 ₽ Цена заявки 450 ₽ Цена клиента 900 ₽"
    assert figures.replace(" ", "") in one.replace(" ", "")
    listed = words(
        mila.get(salon.url("reports/leads/?figure=incoming&source=vk&campaign=autumn&from=2026-11-24&to=2026-11-25"))
    )
    assert "vk · autumn" in listed
    assert "VK · Autumn" in listed  # the list behind a number has as many lines


def test_the_number_of_queries_does_not_grow_with_campaigns(salon, mila, advertised, clock):
    url = salon.url("reports/campaigns/")
    mila.get(url)
    with CaptureQueriesContext(connection) as few:
        mila.get(url)
    for number in range(5):
        campaigns.save(Campaign(name=f"К{number}", utm_source="vk", utm_medium="cpc", landing="vk"), now=clock.now())
    with CaptureQueriesContext(connection) as many:
        mila.get(url)
    assert len(many) == len(few)


def test_a_campaign_is_made_changed_and_closed(salon, mila):
    answer = mila.post(salon.url("reports/campaigns/new/"), FORM)
    made = Campaign.objects.get()
    assert answer["Location"] == salon.url(f"reports/campaigns/{made.pk}/")
    assert (made.utm_source, made.utm_campaign, len(made.code)) == ("vk", "осень", 5)
    assert made.addresses == {"telegram": "vesna_bot", "whatsapp": "+79170001234"}
    shown = mila.get(answer["Location"]).content.decode()
    assert f"/go/{made.code}/whatsapp" in shown
    assert f"https://t.me/vesna_bot?start={made.code}" in shown
    mila.post(salon.url(f"reports/campaigns/{made.pk}/edit/"), FORM | {"name": "Зима", "to_whatsapp": ""})
    made.refresh_from_db()
    assert (made.name, made.addresses) == ("Зима", {"telegram": "vesna_bot"})
    mila.post(salon.url(f"reports/campaigns/{made.pk}/close/"))
    made.refresh_from_db()
    assert not made.is_open
    mila.post(salon.url(f"reports/campaigns/{made.pk}/close/"), {"again": "1"})
    made.refresh_from_db()
    assert made.is_open


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": ""}, "Обязательное поле"),
        ({"to_telegram": ""}, "Ссылка ведёт сюда: укажите адрес."),
        ({"to_telegram": "мой бот"}, "Укажите имя из адреса"),
        ({"to_whatsapp": "123"}, "Укажите номер WhatsApp"),
        ({"utm_campaign": "AUTUMN"}, "Кампания с такими источником и меткой уже есть."),
    ],
)
def test_a_wrong_form_says_what_to_do(salon, mila, autumn, wrong, told):
    answer = mila.post(salon.url("reports/campaigns/new/"), FORM | wrong)
    assert answer.status_code == 422
    assert told in words(answer)
    assert Campaign.objects.count() == 1


def test_a_code_is_drawn_for_print_and_for_screens(salon, mila, autumn):
    url = salon.url(f"reports/campaigns/{autumn.pk}/")
    drawn = mila.get(f"{url}qr.svg")
    assert drawn["Content-Type"] == "image/svg+xml"
    assert b"<svg" in drawn.content
    assert mila.get(f"{url}qr.png?to=whatsapp").content.startswith(b"\x89PNG")
    assert mila.get(f"{url}qr.png?download")["Content-Disposition"].endswith(f'"qr-{autumn.code}.png"')
    assert mila.get(f"{url}qr.gif").status_code == 404
    assert mila.get(f"{url}qr.svg?to=vk").status_code == 404
    assert f"/go/{autumn.code}" in words(mila.get(f"{url}print/"))


def sheet(browser, salon, text=SHEET, **more):
    file = SimpleUploadedFile("spend.csv", text.encode("cp1251"))
    return browser.post(salon.url("reports/campaigns/spend/sheet/"), {"file": file, **more})


def test_a_sheet_is_shown_first_then_kept_and_never_doubled(salon, mila, autumn):
    AdSpend.objects.create(day=date(2026, 11, 24), source="vk", campaign="autumn", amount_kopecks=100)
    preview = sheet(mila, salon)
    assert "заменит 1 ₽" in words(preview)
    assert "Записать 2 строки" in words(preview)
    assert AdSpend.objects.get().amount_kopecks == 100  # nothing is kept yet
    sealed = {"sealed": preview.context["sealed"]}
    assert mila.post(salon.url("reports/campaigns/spend/keep/"), sealed).status_code == 302
    mila.post(salon.url("reports/campaigns/spend/keep/"), sealed)
    assert sorted(AdSpend.objects.values_list("source", "campaign", "amount_kopecks")) == [
        ("vk", "autumn", 50000),
        ("vk", "autumn", 100050),
    ]
    assert "Всё это уже записано" in words(sheet(mila, salon))


def test_wrong_lines_and_files_are_explained(salon, mila, autumn):
    shown = words(sheet(mila, salon, SHEET.replace("24.11.2026", "вчера")))
    assert "Строка 2. Не дата: «вчера»." in shown
    answer = sheet(mila, salon, "просто слова")
    assert answer.status_code == 422
    assert "Не нашли столбцов" in words(answer)
    assert mila.post(salon.url("reports/campaigns/spend/sheet/"), {}).status_code == 422


def test_a_day_is_said_by_hand(salon, mila, autumn):
    url = salon.url("reports/campaigns/spend/")
    told = {"day": "2026-11-24", "campaign": autumn.pk, "amount": "2 500,50"}
    assert mila.post(url, told).status_code == 302
    assert "2 500,50 ₽" in words(mila.get(url))
    mila.post(url, told | {"amount": "0"})
    assert not AdSpend.objects.exists()
    assert "ещё не наступил" in words(mila.post(url, told | {"day": "2026-11-26"}))
    assert "Не сумма" in words(mila.post(url, told | {"amount": "много"}))


PAGES = ["", "new/", "spend/", "{id}/", "{id}/edit/", "{id}/print/", "{id}/qr.svg"]
ACTS = ["new/", "spend/", "spend/sheet/", "spend/keep/", "{id}/edit/", "{id}/close/"]


def test_who_has_no_right_is_refused_and_the_neighbour_sees_nothing(salon, neighbour, autumn):
    strangers = [(salon.browser("anna"), 403), (neighbour.browser("viktor"), 404)]
    for browser, status in strangers:
        for path in PAGES:
            answer = browser.get(salon.url(f"reports/campaigns/{path.format(id=autumn.pk)}"))
            assert answer.status_code == status, path
            assert "Осень" not in answer.content.decode()
        for path in ACTS:
            answer = browser.post(salon.url(f"reports/campaigns/{path.format(id=autumn.pk)}"), FORM)
            assert answer.status_code == status, path
    autumn.refresh_from_db()
    assert (Campaign.objects.count(), autumn.is_open, autumn.name) == (1, True, "Осень")
    others = neighbour.browser("viktor")
    assert others.get(neighbour.url(f"reports/campaigns/{autumn.pk}/")).status_code == 404
    assert "Осень" not in others.get(neighbour.url("reports/campaigns/")).content.decode()


def test_a_preview_of_one_business_is_not_kept_by_another(salon, neighbour, mila, autumn):
    sealed = {"sealed": sheet(mila, salon).context["sealed"]}
    answer = neighbour.browser("viktor").post(neighbour.url("reports/campaigns/spend/keep/"), sealed)
    assert answer.status_code == 422
    with neighbour.inside():
        assert not AdSpend.objects.exists()
