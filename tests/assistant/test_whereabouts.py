"""The nearest branch to a place that a client names."""

import pytest

from assistant import lexicon
from assistant.whereabouts import kilometres, nearest, whereabouts

UFA = ["ул. Менделеева, 777", "ул. Баязита Бикбая, 777 (демо)"]
OMSK = ["ул. Ленина, 10", "пр. Мира, 30", "ул. Дианова, 5"]
NIZHNY = ["ул. Белинского, 1", "пр. Ленина, 50"]
KRASNOYARSK = ["ул. Молокова, 1", "ул. Щорса, 20"]


@pytest.mark.parametrize(
    ("place", "city", "addresses", "expected"),
    [
        ("ул. Юрия Гагарина 12", "ufa", UFA, 1),
        ("Инорс", "ufa", UFA, 1),
        ("Шакши", "ufa", UFA, 1),
        ("на Цюрупы", "ufa", UFA, 0),
        ("Дёме", "Уфа", UFA, 0),
        ("Старой Уфе", "ufa", UFA, 0),
        ("Чишмы", "ufa", UFA, 0),
        ("проспект Октября", "ufa", UFA, None),  # ten kilometres long, between the two
        ("Лесной", "ufa", UFA, None),
        ("Демидова", "ufa", UFA, None),
        ("Нефтяники", "omsk", OMSK, 1),
        ("Левом берегу", "omsk", OMSK, 2),
        ("ул. Маркса", "omsk", OMSK, 0),
        ("Автозавод", "nizhny", NIZHNY, 1),
        ("Верхних Печёр", "nizhny", NIZHNY, 0),
        ("Бор", "nizhny", NIZHNY, 0),
        ("Борисовка", "nizhny", NIZHNY, None),
        ("Взлётка", "krasnoyarsk", KRASNOYARSK, 0),
        ("правого берега", "krasnoyarsk", KRASNOYARSK, 1),
        ("Сипайлово", "omsk", OMSK, None),  # of another city
        ("Инорс", "samara", UFA, None),
        ("Инорс", "ufa", [], None),
        ("Инорс", "ufa", ["ул. Неизвестная, 1", UFA[1]], None),  # who knows whether that one is nearer
        ("Инорс", "ufa", UFA[:1], 0),
    ],
)
def test_nearest(place, city, addresses, expected):
    assert nearest(place, addresses, city) == expected


def test_every_place_of_the_table_lies_near_its_city():
    middles = {"ufa": (54.74, 55.97), "omsk": (54.99, 73.37), "nizhny": (56.32, 44.0), "krasnoyarsk": (56.01, 92.87)}
    table = lexicon.load("whereabouts")
    assert set(table) == set(middles)
    for city, places in table.items():
        for name, spot in places.items():
            assert kilometres(tuple(spot), middles[city]) < 50, name
            assert whereabouts(name.rstrip("="), city) is not None
