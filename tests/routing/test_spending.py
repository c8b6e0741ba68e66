"""Sheets of advertising systems, as they are exported; a day said again replaces."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import spending
from routing.models import AdSpend, Campaign
from routing.spending import NotASheet, read

TODAY = date(2026, 11, 25)
OWN = "Дата;Источник;Кампания;Сумма\n24.11.2026;vk;autumn;1 234,56\n2026-11-25;VK;autumn;100\n"
DIRECT = (
    "Отчет «Расход по дням» за период 24.11.2026 - 25.11.2026\n\n"
    "Дата\tКампания\tПоказы\tКлики\tСредняя стоимость клика, ₽\tРасход, ₽\n"
    "24.11.2026\tОсень в Директе\t1000\t20\t50,00\t1000,50\n"
    "24.11.2026\tОсень в Директе\t500\t10\t10,00\t99,50\n"
    "Итого\t\t1500\t30\t\t1100,00\n"
)
VK = 'День,Название кампании,Показы,"Потрачено всего, ₽"\n2026-11-24,Сторис,300,"2 500,00"\n'


def told(sheet):
    return [(line.day.day, line.source, line.campaign, line.kopecks) for line in sheet.lines]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
@pytest.mark.parametrize(
    ("text", "kind", "lines"),
    [
        (OWN, "таблица", [(24, "vk", "autumn", 123456), (25, "vk", "autumn", 10000)]),
        (DIRECT, "Яндекс Директ", [(24, "yandex", "Осень в Директе", 110000)]),
        (VK, "VK Реклама", [(24, "vk", "Сторис", 250000)]),
    ],
)
def test_sheets_are_read_however_they_are_written(text, kind, lines, encoding):
    sheet = read(text.replace("₽", "руб").encode(encoding), today=TODAY)
    assert sheet.kind == kind
    assert told(sheet) == lines
    assert sheet.problems == ()


def test_a_wrong_line_is_told_and_the_others_are_read():
    text = (
        "date;source;campaign;amount\nвчера;vk;a;1\n2026-11-24;;a;1\n2026-11-24;vk;a;x\n"
        "2026-12-24;vk;a;1\n2026-11-24;vk;a;-5\n2026-11-24;vk;a;7.5\n"
    )
    sheet = read(text.encode(), today=TODAY)
    assert told(sheet) == [(24, "vk", "a", 750)]
    assert [problem.number for problem in sheet.problems] == [2, 3, 4, 5, 6]
    assert sheet.problems[0].text == "Не дата: «вчера». Нужно 25.11.2026 или 2026-11-25."
    assert "ещё не наступил" in sheet.problems[3].text


@pytest.mark.parametrize(
    ("text", "kopecks"),
    [("1 234,56", 123456), ("1\u202f234,5 ₽", 123450), ("1,234.56", 123456), ("1.234,56", 123456), ("0", 0)]
    + [("12", 1200), ("1 000 000", 100_000_000), ("0,005", 1)],
)
def test_sums_are_read_with_spaces_commas_and_signs(text, kopecks):
    assert spending.read_kopecks(text) == kopecks


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04\x00\x00", "просто слова".encode(), b"a;b\n1;2\n", b"x" * 1_000_001])
def test_what_is_no_sheet_is_refused_with_a_reason(body):
    with pytest.raises(NotASheet):
        read(body, today=TODAY)


@settings(max_examples=60)
@given(st.binary(max_size=120))
def test_any_file_gives_lines_or_a_reason(noise):
    try:
        read(noise, today=TODAY)
        read(b"date;source;campaign;amount\n" + noise, today=TODAY)
    except NotASheet:
        pass


def test_campaigns_are_known_by_their_names():
    known = [Campaign(name="Осень в Директе", utm_source="yandex", utm_campaign="autumn")]
    assert told(read(DIRECT.encode(), today=TODAY, campaigns=known)) == [(24, "yandex", "autumn", 110000)]


def test_the_same_day_again_replaces_and_never_doubles(salon):
    AdSpend.objects.create(day=date(2026, 11, 24), source="VK", campaign="Autumn", amount_kopecks=500)
    lines = read(OWN.encode(), today=TODAY).lines
    assert [one.before for one in spending.compared(lines)] == [500, None]
    assert spending.keep(lines) == 2
    assert spending.keep(lines) == 0
    assert sorted(AdSpend.objects.values_list("amount_kopecks", flat=True)) == [10000, 123456]
    assert spending.keep(read(OWN.replace("1 234,56", "0").encode(), today=TODAY).lines) == 1
    assert list(AdSpend.objects.values_list("amount_kopecks", flat=True)) == [10000]
