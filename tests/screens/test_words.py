"""Numbers, money and plurals as a Russian reader expects them."""

import pytest

from tenants.templatetags import ru


@pytest.mark.parametrize(
    ("count", "word"),
    [
        (0, "заявок"),
        (1, "заявка"),
        (2, "заявки"),
        (5, "заявок"),
        (11, "заявок"),
        (12, "заявок"),
        (21, "заявка"),
        (104, "заявки"),
        (111, "заявок"),
    ],
)
def test_plurals(count, word):
    assert ru.plural(count, "заявка,заявки,заявок") == word


@pytest.mark.parametrize(
    ("kopecks", "text"),
    [
        (0, "0\u00a0₽"),
        (150000, "1\u202f500\u00a0₽"),
        (123456789, "1\u202f234\u202f567,89\u00a0₽"),
        (-5005, "−50,05\u00a0₽"),
    ],
)
def test_money(kopecks, text):
    assert ru.rub(kopecks) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0\u00a0мин"), (45, "45\u00a0мин"), (60, "1\u00a0ч"), (90, "1\u00a0ч 30\u00a0мин")]
)
def test_durations(value, text):
    assert ru.minutes(value) == text


def test_signed_points_use_a_real_minus():
    assert (ru.signed(5), ru.signed(-5)) == ("+5", "−5")


def test_a_title_of_an_icon_is_escaped():
    assert "<b>" not in ru.icon("x", "<b>")
