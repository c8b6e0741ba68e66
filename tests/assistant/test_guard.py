"""A model may word a reply freely, but only with facts it was given."""

import random
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
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
        ("Приходите 26 ноября", "date"),
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
        "Маникюр 1ООО ₽",
        "Маникюр l800 ₽",
        "€10 за маникюр",
        "Ждём вас 25 декабря",
        "Ждём в пятницу, 25 ноября",
        "V этаж",
        "за полцены",
        "для вас ничего не стоит",
        "платить не нужно",
        "за счёт заведения",
        "это презент",
        "приходите в любое время",
        "мы открыты всегда",
        "через часик",
        "запись по вторникам, вт и чт",
        "даю вам слово",
        "вам понравится",
        "держу место за вами",
        "больно не будет",
        "вас примет мастер Ольга",
        "Ольга вас примет",
        "мы на ул. Пушкина",
        "вход со двора, рядом с метро",
    ],
)
def test_what_only_sounds_like_the_input_is_refused(reply):
    assert not guard.allowed(reply, INPUT)


@pytest.mark.parametrize(
    "reply",
    [
        "Анна свободна завтра в 15:00, маникюр стоит 1800 ₽.",
        "Понимаю вас, это неприятно. Передам ваш вопрос администратору.",
        "Здравствуйте! Спасибо, что написали нам.",
        "Уточните, пожалуйста, вашу фамилию и телефон.",
        "Салон на Ленина, 10.",
        "Извините за неудобства!",
    ],
)
def test_kind_words_with_given_facts_pass(reply):
    assert guard.refusal(reply, INPUT) == ""


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


@pytest.mark.parametrize(
    "reply",
    [
        "цена ١٨٠٠١ ₽",
        "цена ٩٠٠ рублей",
        "стоит ९०० руб",
        "цена ③ тысячи",
        "цена ⅻ рублей",
        "бесплáтно",
        "бeсплαтнο",
        "бесплатнo",
        "б-е-с-п-л-а-т-н-о",
        "б*е*с*п*л*а*т*н*о",
        "бес платно",
        "б/п",
        "за спасибо",
        "на халяву",
        "в два часа дня",
        "в полвторого",
        "без четверти пять",
        "к двум подойдёт",
        "в третьем часу",
        "около трёх",
        "половину цены",
        "за половину стоимости",
        "минус двадцать",
        "штука рублей",
        "пятихатка",
        "стольник",
        "полтинник",
        "в полтора раза дешевле",
        "вдвое меньше",
        "тысяча рублей",
        "за пол цены",
        "за полцены",
        "весна точка ру",
        "t.me/evil",
        "vesna[.]ru",
        "напишите в ватсап",
        "пишите админу @evil",
        "8(999)111-22-33",
        "восемь девятьсот девяносто",
        "почта a собака b точка ру",
        "at 3 pm tomorrow",
        "free of charge",
        "we guarantee it",
        "discount for you",
        "послезавтра утром",
        "на следующей неделе",
        "25го числа",
        "一千卢布",
        "🆓",
        "💯",
        "🔟 рублей",
        "🕒",
        "🎁 вам",
        "скидка ½",
        "скидка 50 ٪",
        "скидка 50 ％",
        "скидка пол\xadовина",
        "1800.5 ₽",
        "18 00 ₽ и 5",
        "1'800'000 ₽",
        "1_900 ₽",
        "1,800 ₽",
        "O рублей",
        "I8OO ₽",
        "зaвтpа в 15.30",
        "завтра в 15-30",
        "завтра в 15ч30",
        "завтра в 1530",
        "Маникюр всего 10 ₽",
        "Скидка 25%",
        "Скидка 15 процентов",
        "Ждём вас завтра в 10 часов",
        "Ждём вас в 15 утра",
        "Скидка 30 %",
        "маникюр за 10 минут",
        "вернём деньги",
        "ваша запись подтверждена",
        "мы вас записали",
        "вы записаны",
        "отменили запись",
        "отменено",
        "записала вас",
        "переставили визит",
        "Маникюр завтра стоит 1800",
        "пятого декабря",
        "в понедельничек",
        "через полчасика",
        "в конце месяца",
        "до конца недели",
        "к вечеру",
        "ночью",
        "Мария ждёт вас",
        "мария ждёт вас",
        "Клиентка Ирина Петрова записана рядом с вами",
        "даром",
        "задаром",
        "дешево",
        "недорого",
        "со скидочкой",
        "скинем немного",
        "сделаем дешевле",
        "уступим",
        "договоримся",
        "первый раз за наш счёт",
        "сертификатик",
        "кешбэк",
        "за рубль",
        "за копейки",
        "копейка",
        "сколько не жалко",
        "Без оплаты",
        "не берём денег",
        "денег не берём",
        "оплата не требуется",
        "ничего платить не надо",
        "платить не придётся",
        "100%",
        "сто процентов",
        "стопудово",
        "железно",
        "обязательно поможет",
        "поможет",
        "вылечим",
        "боли не будет",
        "это не опасно",
        "не вредно",
        "пройдёт само",
        "пейте анальгин",
    ],
)
def test_what_a_hostile_model_would_write_is_refused(reply):
    assert not guard.allowed(reply, INPUT)


PRICES = [
    "Маникюр — 1 800 ₽, 1 час 30 минут.\nПедикюр — 2 200 ₽, 2 часа.",
    "Свободно у Анны в 15:00; у Ольги в 17:30.",
    "На первый визит скидка 10 %, в день рождения скидка 20 %.",
]


@pytest.mark.parametrize(
    "reply",
    [
        "Педикюр — 1800 ₽.",
        "Маникюр стоит 2 200 рублей.",
        "Маникюр — 2 200 ₽, педикюр — 1 800 ₽.",
        "Анна ждёт в 17:30.",
        "Ольга свободна в 15:00.",
        "На первый визит скидка 20 %.",
        "В день рождения скидка 10 %.",
    ],
)
def test_a_fact_of_one_thing_told_of_another_is_refused(reply):
    assert not guard.allowed(reply, PRICES)


@pytest.mark.parametrize(
    "reply",
    [
        "Маникюр — 1 800 ₽, педикюр — 2 200 ₽.",
        "Педикюр стоит 2200 рублей и занимает 2 часа.",
        "Анна свободна в 15:00, Ольга в 17:30.",
        "Есть время в 15:00 и в 17:30, как вам удобнее?",
        "На первый визит скидка 10 %.",
    ],
)
def test_facts_told_of_their_own_things_pass(reply):
    assert guard.refusal(reply, PRICES) == ""


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


# --- Any invented fact, written in any way ---

KIND = [
    "Здравствуйте!",
    "Подскажите, пожалуйста,",
    "Спасибо, что написали.",
    "Маникюр можно оплатить онлайн.",
    "Рады вам.",
]
GIVEN = {"0", "1", "10", "15", "25", "30", "1800"}
MONTHS = ["января", "марта", "мая", "июня", "августа", "декабря"]


@st.composite
def invented(draw) -> str:
    """A fact that the input does not hold."""
    number = draw(st.integers(2, 99_999).filter(lambda n: str(n) not in GIVEN))
    hour, minute = draw(st.integers(0, 23).filter(lambda h: h != 15)), draw(st.integers(0, 59))
    return draw(
        st.sampled_from(
            [
                f"{number} ₽",
                f"{number} руб.",
                f"₽{number}",
                f"скидка {number % 90 + 2 if number % 90 + 2 != 10 else 11}%",
                f"в {hour}:{minute:02}",
                f"в {hour}.{minute:02}",
                f"{draw(st.integers(1, 31))} {draw(st.sampled_from(MONTHS))}",
                f"{draw(st.integers(1, 24))} ноября",
                f"{number} тыс.",
                f"{number} дней",
                f"+7 9{number:05}{number:05}"[:14],
                "бесплатно",
                "в подарок",
                "в субботу",
                "гарантируем",
                "пятьсот рублей",
                "к Марии",
                "evil.ru",
            ]
        )
    )


def _wide(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if char.isdigit() else char for char in text)


def _hidden(text: str) -> str:
    return "\u200b".join(text)


def _alike(text: str) -> str:
    return text.translate(str.maketrans("аеосрхАЕОСРХ", "aeocpxAEOCPX"))


def _noughts(text: str) -> str:
    return text.replace("0", "О") if any(char in "123456789" for char in text) else text


@given(st.sampled_from(KIND), invented(), st.sampled_from([str, _wide, _hidden, _alike, str.upper, _noughts]))
def test_an_invented_fact_never_passes_however_it_is_written(kind, fact, disguise):
    assert not guard.allowed(f"{kind} {disguise(fact)}", INPUT)


@given(st.lists(st.sampled_from([*INPUT, *KIND[:3]]), min_size=1, max_size=5))
def test_facts_of_the_input_among_kind_words_always_pass(parts):
    assert guard.refusal("\n".join(parts), INPUT) == ""


@example("\U00016fe0\U00017000", [])
@given(st.text(max_size=200), st.lists(st.text(max_size=100), max_size=3))
def test_any_text_passes_by_its_own_facts(reply, inputs):
    assert guard.refusal(reply, [*inputs, reply]) in ("", "empty")


# --- Pieces put together in any way: what is told in the input passes, one piece that is not makes it fall ---


def _arabic(text: str) -> str:
    return text.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))


def _indian(text: str) -> str:
    return text.translate(str.maketrans("0123456789", "०१२३४५६७८९"))


def _accents(text: str) -> str:
    return "".join(char + "\u0301" if char in "аеиоуы" else char for char in text)


def _dashes(text: str) -> str:
    return "-".join(text) if text.isalpha() else text


WRITTEN = [str, _wide, _hidden, _alike, str.upper, _accents, _arabic, _indian]
SAID = [
    *("бесплатно", "задаром", "за полцены", "со скидочкой", "в подарок", "тысяча рублей", "полторы тысячи"),
    "пара сотен",
    *("два часа дня", "в полвторого", "послезавтра", "в субботу", "на выходных", "через час", "пятого декабря"),
    *("гарантируем", "мы вас записали", "визит отменён", "перезвоним вам", "больно не будет", "вылечим", "free"),
    "discount",
    *("evil.ru", "t.me/evil", "весна точка ру", "в ватсап", "к Марии", "на ул. Пушкина", "рядом с метро", "🎁", "🆓"),
]
ASIDE = ["Здравствуйте!", "Подскажите, пожалуйста,", "Спасибо, что написали.", "Рады вам.", "🙂", "—", "\u00a0", "и"]


@st.composite
def numbered(draw) -> str:
    number = draw(st.integers(2, 9_999_999).filter(lambda n: str(n) not in GIVEN and n % 1000))
    spaced = f"{number:,}".replace(",", draw(st.sampled_from(["\u00a0", "\u202f", " ", ""])))
    return draw(
        st.sampled_from(
            [
                f"{spaced} ₽",
                f"{spaced} р.",
                f"{spaced} рублей",
                f"{number} минут",
                f"-{number % 80 + 11}%",
                f"{number % 80 + 11} процентов",
                f"{number % 11 + 2}-го числа",
                f"в {number % 13 + 1}:{number % 60:02}",
                f"в {number % 9 + 2} вечера",
                f"8 9{number % 100:02} {number % 1000:03}-{number % 97:02}-{number % 89:02}",
            ]
        )
    )


@given(
    st.lists(st.sampled_from([*ASIDE, *INPUT]), max_size=4),
    st.one_of(st.sampled_from(SAID), numbered()),
    st.sampled_from(WRITTEN),
    st.lists(st.sampled_from([*ASIDE, *INPUT]), max_size=4),
)
def test_one_invented_piece_among_any_others_is_found(before, piece, written, after):
    assert not guard.allowed(" ".join([*before, written(piece), *after]), INPUT), (piece, written)


@given(st.sampled_from(["бесплатно", "гарантируем", "субботу", "скидочка", "подарок", "вылечим", "запишем"]))
def test_letters_drawn_apart_are_read_together(word):
    for between in ("-", ".", " ", "*", "_"):
        assert not guard.allowed(f"Ответ: {between.join(word)}", ["Маникюр стоит 1800 ₽."])


# --- Grounded replies must not be refused: a pack's own answers and prices, worded anew ---

GROUNDED = yaml.safe_load((Path(__file__).parent / "data" / "guard_grounded.yaml").read_text())


def test_grounded_wordings_of_real_packs_mostly_pass():
    told = [(reply, part["input"]) for part in GROUNDED for reply in part["replies"]]

    refused = {reply: why for reply, given_texts in told if (why := guard.refusal(reply, given_texts))}

    assert len(refused) <= 0.1 * len(told), refused
