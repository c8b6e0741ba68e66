"""What leaves for a language model: nothing by which a person could be found."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assistant.masking import mask, plain_words

FIRST = ["Анна", "Ольга", "Гузель", "Ильдар", "Екатерина", "Тимур", "Светлана", "Мария", "Салават", "Артём", "Наталья"]
LAST = ["Петрова", "Закирова", "Иваненко", "Шайхутдинова", "Соколова", "Нигматуллина", "Кузьмина", "Вольская"]
STREETS = [
    "ул. Ленина, 10", "улица Карла Маркса 15", "проспект Октября 31/2", "пр-т Мира д. 5", "пер. Тихий, 3",
    "ул 8 Марта 12 кв 7", "бульвар Ибрагимова, 88", "Ленина 5, кв 12", "Кирова 20",
]  # fmt: skip
TALK = [
    "Здравствуйте! Меня зовут {}, можно на маникюр завтра в 15:00?",
    "Запишите {} на стрижку в субботу",
    "{} беспокоит, хочу перенести запись на 18:30",
    "добрый день, это {}. сколько стоит окрашивание?",
    "хочу отменить, {}",
]


def digits_of(text: str) -> str:
    return re.sub(r"\D", "", text)


@st.composite
def phones(draw) -> str:
    """A Russian number as people write it."""
    digits = draw(st.from_regex(r"9\d{9}", fullmatch=True))
    lead = draw(st.sampled_from(["8", "+7", "7", "+7 ", "8 ", "8-", ""]))
    pattern = draw(
        st.sampled_from(["{}{}{}{}", "({}) {}-{}-{}", "{} {} {} {}", "{}-{}-{}-{}", "{}.{}.{}.{}", " {} {}{}{}"])
    )
    return lead + pattern.format(digits[:3], digits[3:6], digits[6:8], digits[8:])


@given(
    phones(), st.sampled_from(["мой номер {}", "{} жду звонка", "запишите завтра в 15:00, тел. {}", "Анна {}", "{}"])
)
@example("89990001234", "{}.")
def test_no_phone_leaves(phone, talk):
    masked = mask(talk.format(phone))

    assert len(max(re.findall(r"\d+", masked.text), key=len, default="")) <= 2
    assert digits_of(phone)[-7:] not in digits_of(masked.text)
    assert masked.restore(masked.text) == talk.format(phone)


@given(st.from_regex(r"[2-6]\d{15}", fullmatch=True), st.sampled_from([" ", "-", "", "  "]))
def test_no_card_leaves(digits, gap):
    card = gap.join(digits[start : start + 4] for start in range(0, 16, 4))

    assert not re.search(r"\d{2}", mask(f"верните на карту {card} пожалуйста").text)


@given(st.sampled_from(FIRST), st.sampled_from(LAST), st.booleans(), st.sampled_from(TALK))
def test_no_name_leaves(first, last, full, talk):
    name = f"{first} {last}" if full else first

    text = mask(talk.format(name)).text

    assert first not in text
    assert not full or last not in text
    assert "[ИМЯ_1]" in text


@given(st.sampled_from(STREETS), st.sampled_from(["живу на {}", "мой адрес: {}", "я на {}, далеко до вас?"]))
def test_no_address_leaves(street, talk):
    text = mask(talk.format(street)).text

    assert not re.search(r"\d{1,3}", text.replace("_1]", "").replace("_2]", "")), text


@given(
    st.from_regex(r"[a-z][a-z0-9._]{1,12}@[a-z]{2,10}\.(ru|com)", fullmatch=True),
    st.sampled_from(["пишите на {}", "{}", "почта: {}, жду"]),
)
def test_no_mail_leaves(mail, talk):
    text = mask(talk.format(mail)).text

    assert "@" not in text
    assert mail.split("@")[0] not in text.lower() or len(mail.split("@")[0]) < 3


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("почта anna собака mail точка ru", "mail"),
        ("мой телеграм @anna_secret", "anna"),
        ("вот я https://vk.com/id12345", "12345"),
        ("номер восемь девятьсот семнадцать сто двадцать три сорок пять шестьдесят семь", "двадцать"),
        ("звоните девятьсот семнадцать сто двадцать три сорок пять шестьдесят семь", "двадцать"),
        ("8 9OO 123 45 67", "123"),
        ("8\u00a0999\u00a0000\u00a012\u00a034", "999"),
        ("８９９９０００１２３４", "９９９"),
        ("мне 34, родилась 12.03.1985", "1985"),
        ("12 марта 1985 года", "1985"),
        ("паспорт 8004 123456", "123456"),
        ("снилс 112-233-445 95", "445"),
        ("полис 0234567890123456", "0234567890123456"),
        ("городской 24-56-78", "56"),
        ("моб 8 (917)\n123-45-67", "123"),
        ("Меня зовут Ксаверия", "Ксаверия"),
        ("запишите маму, Тамару Ильиничну", "Ильинич"),
        ("у вас была Закирова", "Закирова"),
        ("хочу отменить, петрова", "петров"),
        ("Фидан на связи, запиши в ближайший вторник", "Фидан"),
        ("Тася, 4 годика, кашляет", "Тася"),
        ("это Anna Petrova", "Anna"),
        ("menya zovut anna, zapishite na manikyur", "anna"),
        ("А\u0301нна, запишите", "нна"),
        ("позовите Мишутку", "Мишутку"),
    ],
)
def test_ways_around_are_seen(text, secret):
    assert secret not in mask(text).text


@pytest.mark.parametrize("form", ["Зоя", "Зои", "зое", "ЗОЮ"])
def test_the_name_we_know_a_client_by_is_hidden_in_every_case(form):
    assert form not in mask(f"передайте {form} привет", names=["Зоя"]).text


@pytest.mark.parametrize(
    "text",
    [
        "Здравствуйте! Можно на маникюр завтра в 15:00?",
        "запишите на 25.11.2026 в 12:30 или 13:00",
        "хочу стрижку и окрашивание, бюджет 1500-2000 руб",
        "болит зуб 36, можно сегодня после 18?",
        "на пять, шесть или семь часов",
        "промокод VESNA10 ещё действует?",
        "на улице холодно, я задержусь на 10 минут",
        "курс 10 массажей от 12000 до 15000",
    ],
)
def test_what_the_model_needs_stays(text):
    assert mask(text).text == text


def test_words_of_the_price_list_are_no_names():
    words = plain_words(["Ксеомин", "Шугаринг Глубокое бикини"])

    assert mask("Хочу Ксеомин и Шугаринг", keep=words).text == "Хочу Ксеомин и Шугаринг"


def test_secrets_side_by_side_stay_apart():
    masked = mask("Анна Закирова, 8 999 000-12-34, на Ленина 5, anna@mail.ru")

    assert [mark for mark, _ in masked.hidden] == ["[ИМЯ_1]", "[ТЕЛЕФОН_1]", "[АДРЕС_1]", "[ПОЧТА_1]"]
    assert dict(masked.hidden)["[ИМЯ_1]"] == "Анна Закирова"


def test_one_secret_has_one_mark_and_a_mark_that_the_client_wrote_is_not_ours():
    masked = mask("[ИМЯ_1] и Анна, снова Анна, и Ольга")

    assert masked.text == "[ИМЯ_1] и [ИМЯ_2], снова [ИМЯ_2], и [ИМЯ_3]"
    assert masked.restore("[ИМЯ_2] и [ИМЯ_3]") == "Анна и Ольга"


@example("\U00017000 и Анна")
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_any_text_comes_back_as_it_was(text):
    import unicodedata

    masked = mask(text)

    assert masked.restore(masked.text) == unicodedata.normalize("NFC", text)
    assert mask(masked.text).restore(mask(masked.text).text) == masked.text
