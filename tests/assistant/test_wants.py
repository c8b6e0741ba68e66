"""What clients say of people and visits, read without a model."""

from datetime import timedelta

import pytest

from assistant import choices, wants
from assistant.understanding import ServiceInfo


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("Я опоздаю минут на 10, это ничего?", 10),
        ("опоздаю на час", 60),
        ("задержусь на полчаса", 30),
        ("буду на 15 минут позже", 15),
        ("минут 10-15 опоздаю", 15),
        ("опоздаю минут на двадцать", 20),
        ("опаздываю", 0),
    ],
)
def test_how_late(text, minutes):
    assert wants.late(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["перенесите на час позже", "можно попозже?", "запишите на 10 минут", "приду в 10"])
def test_nobody_is_late(text):
    assert wants.late(text) is None


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("Хочу записать сестру на маникюр завтра", "сестра"),
        ("это для мужа", "муж"),
        ("дочку запишите", "дочь"),
        ("можно сына подстричь в субботу", "сын"),
        ("мужу на стрижку", "муж"),
        ("маме нужна чистка", "мама"),
        ("муж хочет массаж, запишите его", "муж"),
        ("запишите ребёнка к стоматологу", "ребёнок"),
    ],
)
def test_the_visit_is_for_somebody_else(text, who):
    guest = wants.guest(text)
    assert guest is not None
    assert guest.nom == who
    assert wants.together(text) == (False, None)


@pytest.mark.parametrize(
    "text",
    [
        "мой муж ходит к вам, хочу стрижку",
        "подруга посоветовала вас, хочу маникюр",
        "нужен сертификат для мужа",
        "Запишите меня, это Анна",
        "хочу записаться на маникюр",
    ],
)
def test_nobody_else_comes(text):
    assert wants.guest(text) is None
    assert wants.together(text) == (False, None)


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("меня и мужа на стрижку", "муж"),
        ("мы с подругой на маникюр", "подруга"),
        ("запишите нас двоих", None),
        ("можно вместе с мамой?", "мама"),
    ],
)
def test_two_people_come(text, who):
    is_two, companion = wants.together(text)
    assert is_two
    assert (companion.nom if companion else None) == who
    assert wants.guest(text) is None


def test_name_of_the_guest_is_not_the_clients():
    assert wants.guest_name("Запишите дочку Полину на стрижку", "Полину") == "Полина"
    assert wants.guest_name("Запишите дочку на стрижку, меня зовут Анна", "Анна") == ""


@pytest.mark.parametrize("text", ["в субботу работаете?", "работаете в воскресенье?", "а в праздники вы открыты?"])
def test_a_day_is_asked_about(text):
    assert wants.asks_if_open(text)


@pytest.mark.parametrize("text", ["вы работаете с брекетами?", "в субботу Ольга работает?", "запишите в субботу"])
def test_no_day_is_asked_about(text):
    assert not wants.asks_if_open(text)


@pytest.mark.parametrize("text", ["Сколько стоит шиномонтаж?", "девушки, почём татуировка"])
def test_a_thing_that_nobody_knows(text):
    assert wants.unknown_thing(text, frozenset({"стрижка", "маникюр"}))


@pytest.mark.parametrize(
    "text", ["Какие у вас цены?", "сколько стоит?", "подскажите цены на услуги", "цена вопроса?", "почём маникюр"]
)
def test_no_unknown_thing(text):
    assert not wants.unknown_thing(text, frozenset({"стрижка", "маникюр"}))


CUT = ServiceInfo(1, "Мужская стрижка", ("стрижка",), "Стрижки", 60, 150_000)
BEARD = ServiceInfo(2, "Моделирование бороды", ("борода", "бороду"), "Борода", 40, 90_000)
BOTH = ServiceInfo(3, "Стрижка и борода", (), "Комплексы", 90, 220_000)
KIDS = ServiceInfo(4, "Детская стрижка", (), "Стрижки", 45, 100_000)


def test_two_services_are_told_by_the_line_that_holds_both():
    assert choices.combined([1, 2], [CUT, BEARD, BOTH]) == [3]
    assert choices.combined([2, 1, 4], [CUT, BEARD, BOTH, KIDS]) == [3, 4]


def test_a_line_that_is_dearer_than_both_is_not_taken():
    dear = ServiceInfo(3, "Стрижка и борода", (), "Комплексы", 90, 250_000)
    assert choices.combined([1, 2], [CUT, BEARD, dear]) == [1, 2]


def test_services_that_no_line_holds_together_stay_two():
    assert choices.combined([1, 4], [CUT, BEARD, BOTH, KIDS]) == [1, 4]


def test_the_same_thing_as_it_is_done_for_a_child():
    assert choices.fitting(CUT, [CUT, BEARD, KIDS], is_male=True, is_child=True) == KIDS
    assert choices.fitting(BEARD, [CUT, BEARD, KIDS], is_male=True, is_child=True) == BEARD
