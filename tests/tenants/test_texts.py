"""The catalogue of what clients read, and a business's own wording of it."""

import re

import pytest

from tenants.business import texts

# «вы» and its cases, «ваш», and verbs in its person: «хотите», «напишите», «простите».
POLITE = re.compile(r"\b(?:вы|вас|вам|вами|ваш[а-я]*|[а-яё]+(?:ите|ете|ёте|йте|ьте)(?:сь)?|предупредили)\b")


@pytest.mark.parametrize("key", list(texts.catalogue()))
def test_every_default_passes_its_own_check(key):
    entry = texts.catalogue()[key]
    assert 1 <= len(entry.variants) <= 3
    assert entry.title
    assert entry.group in texts.groups()
    for variant in entry.variants:
        assert texts.check(key, variant) == []
    for name in entry.placeholders:
        assert name in texts.placeholder_titles()


def test_every_group_is_used():
    assert {entry.group for entry in texts.catalogue().values()} == set(texts.groups())


def test_payment_wording_of_a_booking():
    assert all("можно оплатить онлайн или на месте" in text for text in texts.catalogue()["booked"].variants)


def test_defaults_say_you_politely_and_never_promise_time_or_money():
    for entry in texts.catalogue().values():
        for variant in entry.variants:
            words = variant.lower().split()
            assert not {"ты", "тебя", "тебе", "твой"} & set(words), entry.key
            assert not {"бесплатно", "гарантируем"} & set(words), entry.key


@pytest.mark.parametrize("key", list(texts.catalogue()))
def test_a_business_on_first_name_terms_says_no_polite_you(key):
    entry = texts.catalogue()[key]
    for text in entry.spoken("ty"):
        assert texts.check(key, text) == []
        assert not POLITE.findall(text.lower()), text
        assert set(texts.PLACEHOLDER.findall(text)) <= set(entry.placeholders)


def test_tones_differ_only_where_the_words_do():
    for key, entry in texts.catalogue().items():
        assert entry.spoken("vy") == entry.variants
        if entry.familiar:
            assert entry.familiar != entry.variants, key
            assert any(POLITE.search(text.lower()) for text in entry.variants), key


@pytest.mark.parametrize("text", ["Напишите нам", "Что выбираете?", "вам удобно", "Здравствуйте!", "Придёте?"])
def test_polite_forms_are_found_where_they_are(text):
    assert POLITE.search(text.lower())


@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("нет", "Текст", "Текста с ключом «нет» нет"),
        ("booked", "  ", "не может быть пустым"),
        ("booked", "Ждём: {service}", "Не хватает подстановки {when}"),
        ("booked", "{service} {when} {phone}", "Подстановка {phone} здесь неизвестна"),
        ("booked", "{service} {when} {", "скобка без пары"),
        ("booked", "{service} {when} }", "скобка без пары"),
        ("booked", "{service.__class__} {when} {service}", "{service.__class__} здесь неизвестна"),
        ("booked", "{service} {when}" + "а" * 1000, "длиннее"),
        ("how_to_help", "Вы {name}?", "Можно использовать: никакие"),
    ],
)
def test_a_wrong_text_is_told_why(key, text, problem):
    assert any(problem in error for error in texts.check(key, text)), texts.check(key, text)


def test_own_text_without_optional_placeholders_is_fine():
    assert texts.check("booked", "Записали: {service}, {when}!") == []


def test_render_puts_values_in_as_they_are():
    assert texts.render("{service}, {when}", {"service": "{when}", "when": "в 15:00"}) == "{when}, в 15:00"


def test_render_leaves_no_holes():
    assert texts.render("Согласны?  {policy} \nДа", {"policy": ""}) == "Согласны?\nДа"


def test_render_without_a_value_is_an_error():
    with pytest.raises(KeyError):
        texts.render("{service}", {})
