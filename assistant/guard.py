"""The last look at a model's free wording: no number, date, price, name, place, link or promise that its input did
not hold.

It is deliberately narrow. What it refuses is simply not sent: the tenant's own template goes out instead.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from assistant.names import is_given_name
from assistant.text import lemmas

LOOKALIKES = str.maketrans("aceopxykmtbhё", "асеорхукмтвне")  # Latin letters inside a Russian word
LETTERS = re.compile(r"[a-zа-яё]+", re.IGNORECASE)
INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")

SPACED = re.compile(r"\b[а-я](?:[ .][а-я]\b){3,}")  # б е с п л а т н о

TIME = re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?!\d)")
DATE = re.compile(r"(?<!\d)\d{1,4}[./-]\d{1,2}(?:[./-]\d{1,4})?(?!\d)")
PERCENT = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:%|процент)")
THOUSANDS = re.compile(r"(?<=\d)[ \u00a0\u202f](?=\d{3}(?!\d))")
PRICE = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*(тыс|к\b)?\.?\s*(?:₽|руб|р\b|rub|\$|€|долл|евро)|(\d+(?:[.,]\d+)?)\s*(тыс|к\b)"
)
CURRENCY_FIRST = re.compile(r"[₽$€]\s*(\d+(?:[.,]\d+)?)")
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
MIXED = re.compile(r"(?<!\w)(?=[^\W_]*\d)(?=[^\W_]*[^\W\d_])[^\W_]+")  # 1ООО with letters for noughts, 15ч
ROMAN = re.compile(r"(?<!\w)[ivxlcdm]+(?!\w)")
MONTH = r"январ|феврал|март|апрел|ма[йя]|июн|июл|август|сентябр|октябр|ноябр|декабр"
WEEKDAY = r"понедельник|вторник|сред|четверг|пятниц|суббот|воскресен"
# A day belongs to its month, a weekday to its date: each part alone stands in many inputs.
DAY_OF_MONTH = re.compile(rf"(?<!\d)(\d{{1,2}})(?:-?(?:го|е|ое))?\s+({MONTH})")
WEEKDAY_DATE = re.compile(rf"({WEEKDAY})\w*,?\s+(\d{{1,2}})(?:-?(?:го|е|ое))?\s+({MONTH})")
FREE = re.compile(
    r"ничего не (?:сто|плат|долж)\w*|не (?:прид\w+|нужно|надо|будете) плат\w+|без (?:оплат|доплат|наценк)\w*"
    r"|плат\w+ не (?:нужно|надо|прид\w+|будете)|(?:даю|даем|дать) (?:вам )?слово"
    r"|за (?:наш|свой) счет|за счет \w+"
)
NAMED = re.compile(r"[a-zA-Z\u0400-\u04ff]+")
SENTENCE_BEGINS = re.compile(r"(?:^|(?<!\bул)(?<!\bпр)(?<!\bим)(?<!\bпер)(?<!\bг)[.!?…:\n\"«(])\s*$")
LINK = re.compile(
    r"https?://\S+|\bwww\.\S+|\b[\w-]+\.(?:ru|com|рф|net|org|info|me|io|su|site|online)\b\S*|@\w+|\S+@\S+"
)


def _stems(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NUMBER_STEMS = _stems(
    "ноль нул один одна одно одну одного одной два две двух двум двое три трех трем трое четыр пять пяти шест семь "
    "семи восем девят десят одиннадцат двенадцат тринадцат четырнадцат пятнадцат семнадцат двадцат тридцат сорок "
    "пятьдесят девяност сто ста сотн двест двухсот трист трехсот пятьсот тысяч полтор полторы полови четверт пол "
    "полчас полцен полгод полмесяц полтин косар тыщ сотк миллион дважды трижды вдвое втрое перв втор трет пара пару"
)
DATE_STEMS = _stems(
    "сегодня завтра послезавтра вчера понедельник вторник среду среда среды четверг пятниц суббот воскресен будн "
    "выходн январ феврал март апрел мая май июн июл август сентябр октябр ноябр декабр недел месяц утр вечер днем "
    "ночь ночи полдень полноч обед квартал час минут дней дня день год лет зим весн лето лета осен круглосуточн "
    "ежедневн ежечас пн вт ср чт пт сб вс через скоро вскоре позже позднее раньше всегда постоянно угодно любой любое "
    "любую любые"
)
MONEY_STEMS = _stems(
    "бесплатн даром скидк скидок дешев льгот бонус подар кэшбек кешбек рассрочк кредит предоплат аванс депозит "
    "возврат верн возмест компенс рубл рубас руб тысяч процент акци промокод купон сертификат халяв презент комплимент "
    "договорн подешев оплатим доплат"
)
PROMISE_STEMS = _stems(
    "гарант обещ обязуем точно обязательно непременно наверняка безопасн безболезн навсегда вылеч излеч стопроцент "
    "забронир записал записан запишем запись подтвержд отмен перенес перенош перезвон позвон пришл свобод освобод "
    "держим держу успе приступ лучш сам ручаюсь ручаемс клян отвечаю отвечаем уверя уверен довольн понрав пожале "
    "бронь брони "
    "исправим жду ждем место места мест окно окошк окна исчез избав результат эффект"
)
PLACE_STEMS = _stems(
    "ул улиц проспект переул бульвар набережн площад метро останов двор вход этаж подъезд парков стоянк рядом напротив "
    "возле квартал корпус"
)
HEALTH_STEMS = _stems(
    "примит таблет препарат лекарств антибиотик ибупрофен нурофен парацетамол кетанов кеторол анальгин мазь мази "
    "полоск диагноз дозир доза компресс инъекц укол укола лечи рекоменд противопоказ беремен аллерг нестраш норм "
    "боль боли больно болезн побочн осложнен"
)
WATCHED: tuple[tuple[str, Sequence[str]], ...] = (
    ("number", NUMBER_STEMS),
    ("date", DATE_STEMS),
    ("price", MONEY_STEMS),
    ("promise", PROMISE_STEMS),
    ("health", HEALTH_STEMS),
    ("place", PLACE_STEMS),
)
EXACT = frozenset(
    _stems(
        "сто ста пол май мая пара пару норм сам руб год лет час доза одна одно одну один два две три пн вт ср чт пт сб "
        "вс ул места мест место окно окна боль боли через любой любое любую любые"
    )
)


def allowed(reply: str, inputs: Sequence[str]) -> bool:
    """Whether a free wording may be sent, given every text that the model was shown."""
    return refusal(reply, inputs) == ""


def refusal(reply: str, inputs: Sequence[str]) -> str:
    """What in the reply was in no input ("price: 900", "date: суббот"); "" when all of it was; "empty" for nothing."""
    if not reply.strip():
        return "empty"
    known = set().union(*(_claims(text) for text in inputs)) if inputs else set()
    for claim in sorted(_claims(reply)):
        if claim not in known:
            return f"{claim[0]}: {claim[1]}"
    told = {form for text in inputs for word, _, _ in _words(text) for form in (word, *lemmas(word))}
    for name in _names(reply):
        if not told & {name, *lemmas(name)}:
            return f"name: {name}"
    return ""


def _claims(text: str) -> set[tuple[str, str]]:
    """Everything in a text that a client could hold us to, as (kind, canonical value)."""
    said = _folded(text)
    claims = {("link", link.rstrip(".,;:!?)»\"'")) for link in LINK.findall(said)}
    said = THOUSANDS.sub("", LINK.sub(" ", said))
    claims |= {("date", f"{int(day)} {month}") for day, month in DAY_OF_MONTH.findall(said)}
    claims |= {("date", f"{weekday} {int(day)} {month}") for weekday, day, month in WEEKDAY_DATE.findall(said)}
    claims |= {("price", phrase) for phrase in FREE.findall(said)}
    claims |= {("price", f"{found.group()[0]}{_number(found[1])}") for found in CURRENCY_FIRST.finditer(said)}
    claims |= {("time", f"{int(hour)}:{minute}") for hour, minute in TIME.findall(said)}
    said = TIME.sub(" ", said)
    claims |= {("percent", _number(number)) for number in PERCENT.findall(said)}
    said = PERCENT.sub(" % ", said)
    claims |= {("price", _price(*found)) for found in PRICE.findall(said)}
    said = PRICE.sub(" ", said)
    claims |= {("date", date) for date in DATE.findall(said) if "," not in date}
    said = DATE.sub(" ", said)
    claims |= {("number", token) for token in MIXED.findall(said)}
    claims |= {("number", token) for token in ROMAN.findall(said)}
    claims |= {("number", _number(number)) for number in NUMBER.findall(said)}
    for word in LETTERS.findall(said):
        claims |= set(_watched(word))
    return claims


def _folded(text: str) -> str:
    """One way of writing everything: full-width digits, invisible signs, letter case, the kinds of space and dash."""
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold().replace("ё", "е")
    text = SPACED.sub(lambda found: re.sub(r"[\s.]", "", found[0]), text)
    text = LETTERS.sub(lambda found: _one_alphabet(found[0]), text)
    return re.sub(r"[−–—]", "-", text)


def _names(reply: str) -> Iterable[str]:
    """Words with a capital amid a sentence, and given names anywhere: people and places."""
    for word, is_capital, before in _words(reply):
        if is_capital and (not SENTENCE_BEGINS.search(before) or is_given_name(word)):
            yield word


def _words(text: str) -> Iterable[tuple[str, bool, str]]:
    """Each word in small letters, whether it had a capital, and what stands before it."""
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    for found in NAMED.finditer(text):
        yield _one_alphabet(found.group().casefold()), found.group()[0].isupper(), text[: found.start()]


def _one_alphabet(word: str) -> str:
    """A Russian word without the Latin letters that only look Russian."""
    word = word.replace("ё", "е")
    return word.translate(LOOKALIKES) if re.search("[а-я]", word) else word


def _watched(word: str) -> Iterable[tuple[str, str]]:
    for kind, stems in WATCHED:
        for stem in stems:
            if word == stem or (stem not in EXACT and word.startswith(stem)):
                yield kind, stem


def _number(digits: str) -> str:
    whole = digits.replace(",", ".")
    return whole.rstrip("0").rstrip(".") if "." in whole else str(int(whole))


def _price(amount: str, thousand: str, bare: str, bare_thousand: str) -> str:
    """Roubles as a plain number: «1,5 тыс. руб.» is 1500."""
    value = float((amount or bare).replace(",", ".")) * (1000 if thousand or bare_thousand else 1)
    return f"{value:g}" if value < 1e6 else str(int(value))
