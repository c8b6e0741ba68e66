"""The owner's page, its lists and files: for whom, for which days, at what price."""

import csv
import io
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from tests.reports.conftest import at

OWNER = "reports/"
LISTED = "reports/leads/?figure={}&from=2026-11-24&to=2026-11-25"
FILE = "reports/leads.csv?figure={}&from=2026-11-24&to=2026-11-25"


def words(answer):
    assert answer.status_code == 200, answer.content
    return " ".join(strip_tags(answer.content.decode()).replace("\u202f", " ").replace("\xa0", " ").split())


def rows(answer):
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text), delimiter=";"))


@pytest.fixture
def busy(past, salon):
    """Yesterday five leads (two of them after noon), today three."""
    for minute in range(3):
        past.lead(f"Утро {minute}", at(24, 10, minute))
    past.lead("Вечер 1", at(24, 18), source="yandex", utm_campaign="brand")
    past.lead("Вечер 2", at(24, 19), answer=None)
    past.lead("Сегодня", at(25, 10), answer=4000, by="staff")
    taken = past.lead("Сегодня 2", at(25, 11), status="open", outcome_at=None)
    past.taken(taken, salon.anna, at(25, 11), at(25, 11, 1))
    past.lead("Сегодня 3", at(25, 11, 30))
    past.visit("Сегодня 3", at(25, 11, 45), "arrived", booked=at(25, 11, 31), price=1500, closed_at=at(25, 11, 45))
    past.visit("Утро 0", at(24, 15), "no_show", booked=at(24, 10, 5), closed_at=at(24, 16))
    past.spend(24, "yandex", 900, "brand")
    return past


def test_today_stands_beside_yesterday_and_its_target(salon, busy):
    shown = words(salon.browser("viktor").get(salon.url(OWNER)))
    assert "Новые заявки 3" in shown
    assert "вчера5вчера к 12:003" in shown
    assert "Пропущенные 1" in shown
    assert "Цель не достигнута" in shown
    assert "Заявка → запись 33 %: открыть список 1 из 3 цель: не меньше 40 %" in shown
    assert "Уфа, Екатеринбург (UTC+5)" in shown
    assert "19–25 ноября 2026" in shown


def test_period_is_chosen_and_a_wrong_one_is_explained(salon, busy):
    browser = salon.browser("viktor")
    assert "27 октября – 25 ноября 2026" in words(browser.get(salon.url("reports/?period=30")))
    assert "24 ноября 2026" in words(browser.get(salon.url("reports/?from=2026-11-24&to=2026-11-24")))
    assert "1–25 ноября 2026" in words(browser.get(salon.url("reports/?from=2026-11-01&to=2027-01-01")))
    for wrong in (
        "from=x&to=2026-11-24",
        "from=2026-11-25&to=2026-11-24",
        "from=2024-01-01&to=2026-11-24",
        "from=2027-01-01&to=2027-02-01",
        "to=2026-11-24",
    ):
        shown = words(browser.get(salon.url(f"reports/?{wrong}")))
        assert "Пока показаны последние 7 дней" in shown
    assert "Пока показаны" not in words(browser.get(salon.url("reports/?period=нет")))


def test_a_business_without_leads_sees_what_to_do(salon):
    shown = words(salon.browser("viktor").get(salon.url(OWNER)))
    assert "За эти дни ничего не было" in shown
    assert "Новые заявки 0" in shown


@pytest.mark.parametrize("period", ["today", "7", "30"])
def test_page_costs_the_same_with_ten_leads_and_two_hundred(salon, past, period):
    def cost():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert browser.get(salon.url(f"reports/?period={period}")).status_code == 200
        return len(queries)

    def world(first, last):
        for number in range(first, last):
            lead = past.lead(f"К{number}", at(20 + number % 6, number % 12, number % 60), source=f"s{number % 5}")
            past.offered(lead)
            past.taken(lead, salon.anna if number % 2 else salon.boris, lead.created_at, lead.created_at)
            past.visit(
                f"К{number}",
                at(1 + number % 25, number % 24, number // 25 % 2 * 30),
                "no_show" if number % 3 else "arrived",
                booked=lead.created_at,
            )

    browser = salon.browser("viktor")
    world(0, 10)
    browser.get(salon.url(OWNER))
    few = cost()
    world(10, 200)
    assert cost() == few
    assert few <= 30


def test_list_costs_the_same_for_a_page_of_any_leads(salon, past):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(salon.url(LISTED.format("incoming"))).status_code == 200
        return len(queries)

    browser = salon.browser("viktor")
    for number in range(3):
        past.lead(f"К{number}", at(24, 12, number))
    few = cost()
    for number in range(3, 45):
        past.lead(f"К{number}", at(24, 12, number))
    assert cost() == few


# --- Lists --------------------------------------------------------------------------------------------------------


def test_every_figure_opens_as_many_as_it_says(salon, busy):
    """Each number on the page that is a link leads to a list, and the list is that long."""
    import re

    browser = salon.browser("viktor")
    page = browser.get(salon.url("reports/?from=2026-11-24&to=2026-11-25")).content.decode()
    links = re.findall(r'<td class="number[^"]*" data-value="(\d+)"><a href="([^"]+)">', page)
    assert len(links) > 15
    for number, url in links:
        answer = browser.get(url.replace("&amp;", "&"))
        assert answer.status_code == 200
        assert f'<span class="quiet">{number}</span>' in answer.content.decode(), url


@pytest.mark.parametrize(
    "figure",
    [
        "incoming",
        "answer",
        "missed",
        "unprocessed",
        "conversion",
        "confirmed",
        "no_show",
        "revenue",
        "cac",
        "hours_saved",
        "not_booked",
        "unconfirmed",
        "due",
    ],
)
def test_every_list_opens(salon, busy, figure):
    browser = salon.browser("viktor")
    assert browser.get(salon.url(LISTED.format(figure))).status_code == 200
    assert rows(browser.get(salon.url(FILE.format(figure))))


def test_list_names_client_answer_and_conversation(salon, busy):
    answer = salon.browser("viktor").get(salon.url(LISTED.format("missed")))
    shown = words(answer)
    assert "Вечер 2" in shown
    assert "Сегодня" in shown
    assert "1 ч 7 мин" in shown
    assert "Утро" not in shown
    lead = busy.clients["Вечер 2"].leads.get()
    assert salon.url(f"inbox/{lead.pk}/") in answer.content.decode()


def test_list_is_paged(salon, past):
    for number in range(51):
        past.lead(f"К{number:02}", at(24, 12, number))
    browser = salon.browser("viktor")
    first = words(browser.get(salon.url(LISTED.format("incoming"))))
    second = words(browser.get(salon.url(LISTED.format("incoming") + "&page=2")))
    assert "К50" in first
    assert "К00" not in first
    assert "К00" in second
    assert "Страница 2 из 2" in second


def test_leads_that_a_person_took(salon, busy):
    url = salon.url(LISTED.format("taken") + f"&staff={salon.anna.pk}")
    shown = words(salon.browser("viktor").get(url))
    assert "Взятые заявки 1" in shown
    assert "Анна" in shown
    assert "Сегодня 2" in shown


@pytest.mark.parametrize("query", ["", "?figure=nothing", "?figure=__class__"])
def test_no_such_figure(salon, query):
    assert salon.browser("viktor").get(salon.url(f"reports/leads/{query}")).status_code == 404
    assert salon.browser("viktor").get(salon.url(f"reports/leads.csv{query}")).status_code == 404


@pytest.mark.parametrize(
    "more",
    [
        "&hour=99",
        "&hour=x",
        "&branch=99999",
        "&staff=9" + "9" * 40,
        "&page=x",
        "&hours=x",
        "&source=" + quote("'; DROP TABLE"),
    ],
)
def test_odd_addresses_are_no_errors(salon, busy, more):
    assert salon.browser("viktor").get(salon.url(LISTED.format("incoming") + more)).status_code == 200


# --- Files --------------------------------------------------------------------------------------------------------


def test_file_holds_the_whole_list(salon, past, monkeypatch):
    monkeypatch.setattr("reports.lists.CHUNK", 7)
    for number in range(20):
        past.lead(f"К{number:02}", at(24, 12, number), answer=65, by="staff", source="yandex")
    head, *body = rows(salon.browser("viktor").get(salon.url(FILE.format("incoming"))))
    assert head[:3] == ["Когда", "Заявка", "Клиент"]
    assert len(body) == 20
    assert (body[0][0], body[0][2], body[0][4]) == ("24.11.2026 12:19", "К19", "yandex")
    assert body[0][head.index("Первый ответ, с")] == "65"


def test_file_of_visits_has_prices(salon, busy):
    head, row = rows(salon.browser("viktor").get(salon.url(FILE.format("revenue"))))
    assert (row[0], row[head.index("Клиент")], row[head.index("Цена, руб.")]) == (
        "25.11.2026 11:45",
        "Сегодня 3",
        "1500,00",
    )


def test_file_runs_no_formula(salon, past):
    lead = past.lead("=cmd|' /C calc'!A0", at(24, 12), source="@SUM(1)", utm_campaign="+7", summary=" -1+1")
    past.lead("\t=1", at(24, 11))
    head, *body = rows(salon.browser("viktor").get(salon.url(FILE.format("incoming"))))
    cells = dict(zip(head, body[0], strict=True))
    assert cells["Заявка"] == str(lead.pk)
    assert cells["Клиент"] == "'=cmd|' /C calc'!A0"
    assert cells["Источник"] == "'@SUM(1)"
    assert cells["Кампания"] == "'+7"
    assert cells["Что хочет"] == "' -1+1"
    assert body[1][2] == "'\t=1"


def test_who_took_a_file_stands_in_the_journal(salon, busy):
    from django.contrib.admin.models import LogEntry

    salon.browser("viktor").get(salon.url(FILE.format("incoming")))
    entry = LogEntry.objects.get()
    assert entry.user_id == salon.person("Виктор").user_id
    assert "Все заявки, 24–25 ноября 2026" in entry.object_repr
    assert entry.change_message == "Выгружено строк: 8"


# --- For whom -----------------------------------------------------------------------------------------------------

PAGES = (OWNER, LISTED.format("incoming"), FILE.format("incoming"))


@pytest.mark.parametrize("path", PAGES)
def test_roles(salon, busy, client, path):
    url = salon.url(path)
    for who, status in (("viktor", 200), ("svetlana", 200), ("mila", 200), ("anna", 403)):
        assert salon.browser(who).get(url).status_code == status, who
    assert client.get(url).status_code == 302
    assert salon.browser("viktor").post(url).status_code == 405


@pytest.mark.parametrize("path", PAGES)
def test_neighbour_gets_nothing_of_it(salon, neighbour, busy, path):
    assert neighbour.browser("viktor").get(salon.url(path)).status_code == 404
    own = neighbour.browser("viktor").get(neighbour.url(path))
    assert own.status_code == 200
    body = b"".join(own) if own.streaming else own.content
    for trace in ("Утро", "Вечер", "Сегодня 2", "yandex"):
        assert trace not in body.decode(), trace


def test_marketing_sees_sources_but_no_clients(salon, busy):
    browser = salon.browser("mila")
    answer = browser.get(salon.url(LISTED.format("incoming")))
    body = [str(row) for row in rows(browser.get(salon.url(FILE.format("incoming"))))]
    for shown in (words(answer), "\n".join(body)):
        assert "yandex" in shown
        assert "Утро" not in shown
        assert f"Клиент {busy.clients['Утро 0'].contact_id}" in shown
    assert "/inbox/" not in answer.content.decode().split("<main")[1]
