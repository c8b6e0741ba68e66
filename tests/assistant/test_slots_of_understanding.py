"""Phones, names, places, services and promo codes in a message."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.phones import find_phones
from assistant.text import normalise
from assistant.understanding import ServiceInfo
from tests.assistant.understood import reads


@pytest.mark.parametrize(
    "written",
    [
        "8 999 000-12-34", "+7 (999) 000-12-34", "89990001234", "+79990001234", "8-999-000-12-34", "8(999)0001234",
        "7 999 000 12 34", "9990001234", "999 000 12 34", "+7.999.000.12.34", "8 999 0001234", "8 999 00 01 234",
        "тел.89990001234", "+ 7 999 000 12 34", "восемь девятьсот девяносто девять 000 12 34",
    ],
)  # fmt: skip
def test_usual_spellings_of_a_mobile_number(written):
    (phone,) = reads(f"Запишите, мой номер {written}").slots.phone
    assert phone.e164 == "+79990001234"


@pytest.mark.parametrize(
    "text", ["карта 4276 3800 1234 5678", "ИНН 7707083893", "цена 1500 2000 3000", "27-35-44", "заказ 123456789012345"]
)
def test_other_long_numbers_are_no_phones(text):
    assert reads(text).slots.phone == ()


def test_city_and_foreign_numbers():
    assert [p.e164 for p in reads("офис 8 (347) 200-12-34").slots.phone] == ["+73472001234"]
    assert [p.e164 for p in reads("мой +375 29 123-45-67").slots.phone] == ["+375291234567"]


@settings(max_examples=150, deadline=None)
@given(
    st.from_regex(r"9[0-9]{9}", fullmatch=True),
    st.sampled_from(["{} {} {} {}", "({}) {}-{}-{}", "{}{}{}{}", "{}-{}-{}-{}"]),
)
def test_any_mobile_number_in_any_grouping(digits, shape):
    written = "8 " + shape.format(digits[:3], digits[3:6], digits[6:8], digits[8:])
    ((phone, _),) = find_phones(normalise(f"звоните {written}"))
    assert phone.e164 == f"+7{digits}"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("меня зовут Анна", ["Анна"]),
        ("Анна, 8999 000 12 34", ["Анна"]),
        ("запишите для мужа Ивана", ["Ивана"]),
        ("Меня зовут Гульнара Хасанова", ["Гульнара Хасанова"]),
        ("89990001234 Марат", ["Марат"]),
        ("к мастеру Ольге на маникюр", []),
        ("Ольга, здравствуйте!", []),
        ("Здравствуйте, Анна! Можно к вам?", []),
        ("на брови хочу", []),
        ("есть ли надежда попасть сегодня", []),
    ],
)
def test_names_of_clients_and_not_of_staff(text, names):
    assert [slot.text for slot in reads(text).slots.name] == names


@pytest.mark.parametrize(
    ("city", "text", "place"),
    [
        ("ufa", "живу в Дёме", ("Дёме", "district", "city")),
        ("Уфа", "из Черниковки ехать", ("Черниковки", "district", "city")),
        ("ufa", "мы из Стерлитамака", ("Стерлитамака", "city", "outside")),
        ("omsk", "живу на Левом берегу", ("Левом берегу", "district", "city")),
        ("Омск", "я из Красноярки", ("Красноярки", "suburb", "suburb")),
        ("nizhny", "с Автозавода поеду", ("Автозавода", "district", "city")),
        ("Нижний Новгород", "из Кстово", ("Кстово", "suburb", "suburb")),
        ("krasnoyarsk", "на Взлётке", ("Взлётке", "district", "city")),
        ("krasnoyarsk", "в Зеленой роще", ("Зеленой роще", "district", "city")),
        ("omsk", "приеду из Красноярска", ("Красноярска", "city", "outside")),
    ],
)
def test_places_as_seen_from_the_city(city, text, place):
    (slot,) = reads(text, city=city).slots.geo
    assert (slot.text, slot.kind, slot.zone) == place


def test_everyday_words_are_no_places():
    assert reads("солнечный день, кристально чисто, новинки есть?", city="nizhny").slots.geo == ()


def test_promo_codes():
    assert [p.text for p in reads("промокод VESNA10, запишите").slots.promo] == ["VESNA10"]
    assert [p.text for p in reads("есть код ЛЕТО2026").slots.promo] == ["ЛЕТО2026"]
    assert reads("СРОЧНО НУЖНО УЗИ", trade="clinic").slots.promo == ()


# Services

LIST = [
    ServiceInfo(1, "Женская стрижка", ("стрижка",)),
    ServiceInfo(2, "Мужская стрижка"),
    ServiceInfo(3, "Окрашивание корней"),
    ServiceInfo(4, "Маникюр с покрытием", ("маникюр", "гель-лак")),
    ServiceInfo(5, "УЗИ сердца"),
    ServiceInfo(6, "УЗИ почек"),
    ServiceInfo(7, "Аппарат Icoone"),
    ServiceInfo(8, "Удаление зуба"),
]


def services(text: str) -> list[tuple[str, int | None]]:
    from assistant.services import find_services

    return [(slot.text, slot.service_id) for slot in find_services(normalise(text), LIST)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("хочу покрасить корни", [("покрасить корни", 3)]),
        ("мужскую стрижку и маникюр", [("мужскую стрижку", 2), ("маникюр", 4)]),
        ("подстричь мужа", [("подстричь мужа", 2)]),
        ("запишите на моникюр", [("моникюр", 4)]),
        ("УЗИ почек завтра", [("УЗИ почек", 6)]),
        ("узи печени", [("узи печени", None)]),
        ("icoone есть?", [("icoone", 7)]),
        ("вырвать зуб", [("вырвать зуб", 8)]),
        ("зуб болит", []),
        ("на массаж", [("массаж", None)]),
        ("спасибо, всё хорошо", []),
        ("маникюр, маникюр!", [("маникюр", 4)]),
    ],
)
def test_words_of_clients_to_lines_of_a_price_list(text, found):
    assert services(text) == found


def test_latin_spelling_and_wrong_keyboard():
    assert [s.text for s in reads("zapishite na strizhku zavtra").slots.service] == ["strizhku"]
    assert reads("pfgbibnt yf cnhb;re").intent == "booking"
