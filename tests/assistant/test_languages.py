"""Which language a client writes in, and that a guess is never made of a name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.languages import TITLES, language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Здравствуйте! Можно записаться на стрижку?", "ru"),
        ("Хочу к мастеру Гүзәл на завтра", "ru"),
        ("Сколько стоит Balayage у вас?", "ru"),
        ("Исәнмесез! Чәч кисү күпме тора?", "tt"),
        ("Һаумыһығыҙ! Сәс ҡырҡыу күпме тора?", "ba"),
        ("Сәлеметсіз бе! Шаш қию қанша тұрады?", "kk"),
        ("Hello! How much is a haircut for men?", "en"),
        ("Hi, can I book an appointment tomorrow?", "en"),
        ("Zdravstvuyte, skolko stoit strizhka", ""),  # Russian in Latin letters: nobody need speak English for it
        ("Guten Tag, was kostet ein Haarschnitt", ""),
        ("+7 901 000 12 34", ""),
        ("👍", ""),
        ("", ""),
        ("Гүзәл", ""),  # a name
        ("ok", ""),
    ],
)
def test_language(text, language):
    assert language_of(text) == language


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_any_text_has_an_answer(text):
    assert language_of(text) in {*TITLES, ""}
