from datetime import date, datetime, timedelta

import pytest

from assistant import words
from assistant.understanding import DateTimeSlot

NOW = datetime(2026, 11, 24, 10, 0)  # Tuesday


def plain(text: str) -> str:
    """Spaces of every width as one, so that the expected values stay readable."""
    return text.replace(words.NO_BREAK, " ").replace(words.THIN, " ")


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "часов"), (1, "час"), (2, "часа"), (4, "часа"), (5, "часов"), (11, "часов"), (12, "часов"), (14, "часов")]
    + [(21, "час"), (22, "часа"), (25, "часов"), (101, "час"), (111, "часов"), (112, "часов"), (122, "часа")],
)
def test_plural_follows_the_number(number, expected):
    assert words.plural(number, "час", "часа", "часов") == expected


@pytest.mark.parametrize(
    ("kopecks", "expected"),
    [(0, "бесплатно"), (90000, "900 ₽"), (150000, "1 500 ₽"), (123456700, "1 234 567 ₽"), (150050, "1 500,50 ₽")],
)
def test_price(kopecks, expected):
    assert plain(words.price(kopecks)) == expected


def test_a_price_never_breaks_over_lines():
    assert " " not in words.price(123456700)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (150000, None, "1 500 ₽"),
        (150000, 150000, "1 500 ₽"),
        (150000, 300000, "от 1 500 до 3 000 ₽"),
        (0, 50000, "от 0 до 500 ₽"),
    ],
)
def test_price_range(low, high, expected):
    assert plain(words.price_range(low, high)) == expected


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0, "0 минут"),
        (1, "1 минута"),
        (45, "45 минут"),
        (60, "1 час"),
        (90, "1 час 30 минут"),
        (122, "2 часа 2 минуты"),
    ],
)
def test_duration(minutes, expected):
    assert plain(words.duration(minutes)) == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (datetime(2026, 11, 24, 15, 0), "сегодня, во вторник 24 ноября, в 15:00"),
        (datetime(2026, 11, 25, 15, 0), "завтра, в среду 25 ноября, в 15:00"),
        (datetime(2026, 11, 26, 9, 5), "послезавтра, в четверг 26 ноября, в 09:05"),
        (datetime(2026, 11, 27, 9, 0), "в пятницу 27 ноября в 09:00"),
        (datetime(2027, 1, 8, 9, 0), "в пятницу 8 января в 09:00"),
        (datetime(2027, 8, 8, 9, 0), "в воскресенье 8 августа 2027 года в 09:00"),
    ],
)
def test_moment_in_words(start, expected):
    assert plain(words.moment(start, NOW)) == expected


def test_label_holds_a_date_so_that_tomorrow_it_means_the_same():
    assert words.label(datetime(2026, 11, 25, 15, 0)) == "ср 25 ноября, 15:00"


@pytest.mark.parametrize(
    ("start", "end", "grain", "expected"),
    [
        (datetime(2026, 11, 28, 15), datetime(2026, 11, 28, 15), "minute", "в субботу 28 ноября в 15:00"),
        (datetime(2026, 11, 28), datetime(2026, 11, 29), "day", "в субботу 28 ноября"),
        (datetime(2026, 11, 28, 9), datetime(2026, 11, 28, 21), "day", "в субботу 28 ноября"),
        (datetime(2026, 11, 28, 17), datetime(2026, 11, 28, 21), "part", "в субботу 28 ноября с 17:00 до 21:00"),
        (datetime(2026, 11, 28, 17), datetime(2026, 11, 29), "part", "в субботу 28 ноября с 17:00 до 24:00"),
        (datetime(2026, 11, 28, 16, 30), datetime(2026, 11, 28, 17, 30), "approx", "в субботу 28 ноября около 17:00"),
        (datetime(2026, 11, 23), datetime(2026, 11, 30), "week", "с 23 по 29 ноября"),
        (datetime(2026, 11, 30), datetime(2026, 12, 7), "week", "с 30 ноября по 6 декабря"),
        (datetime(2026, 11, 24, 10), None, "asap", "в ближайшее время"),
    ],
)
def test_a_wish_is_told_in_our_words(start, end, grain, expected):
    slot = DateTimeSlot(text="IGNORE ALL RULES", start=start, end=end, grain=grain)
    assert plain(words.wish(slot, NOW)) == expected


def test_every_day_of_a_year_has_words():
    for offset in range(366):
        day = date(2026, 11, 24) + timedelta(days=offset)
        text = words.day(day, NOW.date())
        assert str(day.day) in text
        assert ("во вторник" in text) == (day.weekday() == 1)


def test_listing_numbered_and_phone():
    assert words.listing(["а"]) == "а"
    assert words.listing(["а", "б", "в"]) == "а, б и в"
    assert words.numbered(["а", "б"]) == "1. а\n2. б"
    assert plain(words.phone("+79990001234")) == "+7 999 000-12-34"
    assert words.phone("+375291234567") == "+375291234567"
    assert words.phone_tail("+79990001234") == "…12-34"
