"""Phones, names, places, services and promo codes in a message."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.names import find_names
from assistant.phones import find_phones
from assistant.places import find_places
from assistant.promos import find_promos
from assistant.services import find_services
from assistant.text import normalise
from assistant.understanding import ServiceInfo
from tests.assistant.understood import price_list, reads


def phones(text: str) -> list[str]:
    return [slot.e164 for slot, _ in find_phones(normalise(text))]


def names(text: str) -> list[str]:
    plain = normalise(text)
    return [slot.text for slot in find_names(plain, phones=[span for _, span in find_phones(plain)])]


def places(text: str, city: str) -> list[tuple[str, str, str]]:
    return [(slot.text, slot.kind, slot.zone) for slot in find_places(normalise(text), city)]


def promos(text: str) -> list[str]:
    return [slot.text for slot, _ in find_promos(normalise(text))]


@pytest.mark.parametrize(
    "written",
    [
        "8 999 000-12-34", "+7 (999) 000-12-34", "89990001234", "+79990001234", "8-999-000-12-34", "8(999)0001234",
        "7 999 000 12 34", "9990001234", "999 000 12 34", "+7.999.000.12.34", "8 999 0001234", "8 999 00 01 234",
        "тел.89990001234", "+ 7 999 000 12 34", "восемь девятьсот девяносто девять 000 12 34",
        "8 девятьсот девяносто девять ноль ноль ноль двенадцать тридцать четыре", "8 9 9 9 0 0 0 1 2 3 4",
        "восемь девять девять девять ноль ноль ноль один два три четыре", "8999 запятая 000 12 34",
        "девятьсот девяносто девять, ноль ноль ноль, двенадцать, тридцать четыре", "8 999 000 двенадцать 34",
        "8–999–000–12–34", "wa.me/79990001234",
    ],
)  # fmt: skip
def test_usual_spellings_of_a_mobile_number(written):
    assert phones(f"Запишите, мой номер {written}") == ["+79990001234"]


@pytest.mark.parametrize(
    "text",
    [
        "карта 4276 3800 1234 5678",
        "ИНН 7707083893",
        "цена 1500 2000 3000",
        "27-35-44",
        "заказ 123456789012345",
        "паспорт 8012 345678",
        "двадцать пять тысяч девятьсот девяносто девять",
        "завтра в девять, в десять или в одиннадцать тридцать",
    ],
)
def test_other_long_numbers_are_no_phones(text):
    assert phones(text) == []


def test_two_numbers_in_one_message():
    assert phones("8 999 000 12 34, второй восемь девятьсот девяносто девять 000 56 78") == [
        "+79990001234",
        "+79990005678",
    ]


def test_city_and_foreign_numbers():
    assert phones("офис 8 (347) 200-12-34") == ["+73472001234"]
    assert phones("мой +375 29 123-45-67") == ["+375291234567"]


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
    ("text", "found"),
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
        ("чистка с фтором, Эмма, ближайшая суббота", ["Эмма"]),
        ("прх пт вечером Гузель", ["Гузель"]),
        ("лазерка руки 29 нояб даша", ["даша"]),
        ("Рамиль. Снимок и осмотр. Суббота", ["Рамиль"]),
        ("вычеркните Закирову с понедельника", ["Закирову"]),
        ("что Оксана завтра на 10 не придёт", ["Оксана"]),
        ("Галина Сергеевна беспокоит, мне на пятницу", ["Галина Сергеевна"]),
        ("Консультация ортопеда, 2.12 в 13:00, Валеев Р.", ["Валеев Р"]),
        ("Маша на 12:00 отмена", ["Маша"]),
        ("Паш, можно завтра?", []),
        ("сыпь фиолетовая на руке", []),
        ("спасибо, Ольга!", []),
        ("мне подруга Ляйсан посоветовала вас", []),
        ("алё, есть кто живой", []),
    ],
)
def test_names_of_clients_and_not_of_staff(text, found):
    assert names(text) == found


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
        ("ufa", "с Черники еду", ("Черники", "district", "city")),
        ("ufa", "Сипайлово, удобно?", ("Сипайлово", "district", "city")),
        ("ufa", "мы на Инорсе", ("Инорсе", "district", "city")),
        ("ufa", "из Чишмов не ближний свет", ("Чишмов", "suburb", "suburb")),
        ("ufa", "приеду из Бирска", ("Бирска", "city", "outside")),
        ("omsk", "в Нефтяниках живу", ("Нефтяниках", "district", "city")),
        ("omsk", "стрижка, Московка, вечером", ("Московка", "district", "city")),
        ("omsk", "электричкой из Таврического", ("Таврического", "suburb", "suburb")),
        ("omsk", "из Тары приеду", ("Тары", "city", "outside")),
        ("nizhny", "из Верхних Печер", ("Верхних Печер", "district", "city")),
        ("nizhny", "на Мещере", ("Мещере", "district", "city")),
        ("nizhny", "на Бору живу", ("Бору", "suburb", "suburb")),
        ("nizhny", "из Арзамаса", ("Арзамаса", "city", "outside")),
        ("krasnoyarsk", "из Академгородка", ("Академгородка", "district", "city")),
        ("krasnoyarsk", "на Черёмушках", ("Черёмушках", "district", "city")),
        ("krasnoyarsk", "в Берёзовке живу", ("Берёзовке", "suburb", "suburb")),
        ("krasnoyarsk", "с Дивногорска", ("Дивногорска", "suburb", "suburb")),
        ("krasnoyarsk", "мы из Канска", ("Канска", "city", "outside")),
        ("krasnoyarsk", "на Копылова, 40 удобно", ("Копылова, 40", "street", "city")),
        ("ufa", "проспект Октября 25", ("проспект Октября 25", "street", "city")),
    ],
)
def test_places_as_seen_from_the_city(city, text, place):
    assert places(text, city) == [place]


@pytest.mark.parametrize(
    ("city", "text"),
    [
        ("nizhny", "солнечный день, кристально чисто, новинки есть?"),
        ("nizhny", "бор для аппаратного маникюра"),
        ("ufa", "на улице холодно"),
        ("ufa", "девочек с улицы набрали"),
        ("ufa", "центр красоты и здоровья"),
        ("krasnoyarsk", "северный ветер сегодня"),
        ("omsk", "красный лак"),
    ],
)
def test_everyday_words_are_no_places(city, text):
    assert places(text, city) == []


def test_promo_codes():
    assert promos("промокод VESNA10, запишите") == ["VESNA10"]
    assert promos("есть код ЛЕТО2026") == ["ЛЕТО2026"]
    assert promos("SMILE и ULYBKA15 можно вместе ввести?") == ["SMILE", "ULYBKA15"]
    assert promos("по УЛЫБКА сколько процентов?") == ["УЛЫБКА"]
    assert promos("First20 где вводить?") == ["First20"]
    assert promos("слово ЖИВА назвать, и будет скидка?") == ["ЖИВА"]


@pytest.mark.parametrize(
    "text",
    ["СРОЧНО НУЖНО УЗИ", "SMAS действует сразу?", "скидка на LPG есть?",
     "код 0000 от домофона", "купон -20 был у подруги",
     "промокод не работает",
     "ПРОМОКОД РАБОТАЕТ ИЛИ НЕТ", "DROP TABLE clients, вместе со скидкой"],
)  # fmt: skip
def test_other_capitals_are_no_promo_codes(text):
    assert promos(text) == []


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


@pytest.mark.parametrize(
    ("trade", "text", "found"),
    [
        ("massage", "спину и шею запишите", ["спину", "шею"]),
        ("massage", "спина отваливается, сил нет", []),
        ("massage", "на лечебный в субботу", ["лечебный"]),
        ("massage", "Ваша массажистка опоздала, руки холодные", []),
        ("dental", "можно удаление сместить?", ["удаление"]),
        ("dental", "осмотр двойняшек на субботу", ["осмотр"]),
        ("dental", "зуб шатается и десна опухла", []),
        ("dental", "кардиолог разрешил имплант, когда можно?", ["имплант"]),
        ("dental", "уложите до шести?", []),
        ("clinic", "кровь сдать натощак?", ["кровь сдать"]),
        ("clinic", "кашляю с кровью", []),
        ("clinic", "спасибо педиатру, всё прошло", []),
        ("clinic", "к неврологу завтра", ["неврологу"]),
        ("cosmetology", "на губы в пятницу", ["губы"]),
        ("cosmetology", "губы синие после вас, болит", []),
        ("cosmetology", "лазер подмышки", ["лазер подмышки"]),
        ("cosmetology", "консультация платная?", ["консультация"]),
        ("fitness", "хочу в зал на пробное", ["зал", "пробное"]),
        ("fitness", "в зале душно", []),
        ("barbershop", "барбер с похмелья был", []),
        ("barbershop", "маме стрижку можно?", ["стрижку"]),
        ("barbershop", "сбрить усы почём", ["сбрить усы"]),
        ("salon", "снять и покрыть заново, ногти", ["снять", "ногти"]),
        ("salon", "ищу работу мастером маникюра", []),
        ("salon", "маникюр, педикюр и брови на субботу", ["маникюр", "педикюр", "брови"]),
    ],
)
def test_words_of_clients_to_the_packs(trade, text, found):
    assert [slot.text for slot in find_services(normalise(text), price_list(trade))] == found


def test_latin_spelling_and_wrong_keyboard():
    assert [s.text for s in find_services(normalise("zapishite na strizhku zavtra"), LIST)] == ["strizhku"]
    assert reads("pfgbibnt yf cnhb;re").intent == "booking"
