"""A model may word a reply freely, but only with facts it was given."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import guard

INPUT = [
    "Маникюр — 1 800 ₽, 1 час 30 минут. Можно оплатить онлайн или на месте.",
    "Свободно: завтра, в среду 25 ноября, в 15:00, Анна.",
    "Скидка 10% на первый визит. Адрес: Уфа, ул. Ленина, 10. Сайт https://vesna.example/",
]


@pytest.mark.parametrize(
    "reply",
    [
        "Маникюр стоит 1800 ₽, оплатить можно онлайн или на месте.",
        "Маникюр — 1 800 руб., это 1 час 30 минут.",
        "Есть время завтра, в среду 25 ноября, в 15:00 у Анны. Удобно?",
        "На первый визит действует скидка 10 %.",
        "Мы на Ленина, 10. Подробнее: https://vesna.example/.",
        "Подскажите, пожалуйста, какая услуга вас интересует?",
        "Рады вас видеть!",
    ],
)
def test_facts_from_the_input_pass(reply):
    assert guard.refusal(reply, INPUT) == ""
    assert guard.allowed(reply, INPUT)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("Маникюр стоит 900 ₽.", "price"),
        ("Маникюр стоит 15 ₽.", "price"),
        ("Маникюр 1,5 тыс. руб.", "price"),
        ("Цена девятьсот рублей", "number"),
        ("Сделаем бесплатно", "price"),
        ("Подарим вам бонус", "price"),
        ("Скидка 15%", "percent"),
        ("Скидка 1800%", "percent"),
        ("Приходите в 16:00", "time"),
        ("Приходите в 10:00", "time"),
        ("Приходите в субботу", "date"),
        ("Приходите 26 ноября", "number"),
        ("Приходите 25.12", "date"),
        ("Работаем круглосуточно", "date"),
        ("Мастеров у нас семь", "number"),
        ("Позвоните +7 999 111-22-33", "date"),
        ("Пишите на hacker@evil.example", "link"),
        ("Подробнее на evil.ru", "link"),
        ("Результат гарантируем", "promise"),
        ("Мы вам перезвоним", "promise"),
        ("Это совершенно безопасно", "promise"),
        ("Примите ибупрофен", "health"),
        ("Это не противопоказано беременным", "health"),
        ("", "empty"),
    ],
)
def test_what_was_not_given_is_refused(reply, kind):
    assert guard.refusal(reply, INPUT).startswith(kind), guard.refusal(reply, INPUT)
    assert not guard.allowed(reply, INPUT)


@pytest.mark.parametrize(
    "reply",
    [
        "цена ９００ ₽",
        "цена 9\u200b00 ₽",
        "бecплaтно",
        "Беспла\u00adтно",
        "в суб\u200bботу",
        "б е с п л а т н о",
        "СКИДКА 15 ПРОЦЕНТОВ",
    ],
)
def test_disguises_are_seen_through(reply):
    assert not guard.allowed(reply, INPUT)


def test_no_input_allows_no_fact_but_allows_a_question():
    assert guard.allowed("Чем можем помочь?", [])
    assert not guard.allowed("Стоит 100 ₽", [])


@given(
    st.integers(0, 999_999), st.sampled_from(["{} ₽", "{} руб.", "{}%", "в {}:00", "{} дней", "№ {}", "{} процентов"])
)
def test_no_number_outside_the_input_ever_passes(number, pattern):
    given_numbers = {1800, 1, 30, 25, 15, 10, 0}
    if number not in given_numbers:
        assert not guard.allowed("Ответ: " + pattern.format(number), INPUT)


@given(st.lists(st.sampled_from(INPUT), min_size=1, max_size=3))
def test_the_input_itself_always_passes(texts):
    assert guard.allowed(" ".join(texts), INPUT)


def test_any_cut_of_the_input_claims_no_new_word():
    chance = random.Random(7)
    words = " ".join(INPUT).split()
    for _ in range(200):
        begin = chance.randrange(len(words))
        piece = " ".join(words[begin : begin + 4])
        reason = guard.refusal(piece, INPUT)
        assert not reason.startswith(("promise", "health")), (piece, reason)
