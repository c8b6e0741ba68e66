"""The last look at a model's free wording: no number, date, price, name, place, link or promise that its input did
not hold, and no price, time, percentage or date of one thing told of another.

It is deliberately narrow. What it refuses is simply not sent: the tenant's own template goes out instead. What it
cannot see is a fact turned round in plain words («парковки нет» made «парковка есть»): so words of a model never
stand in for what the business itself wrote.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from assistant.names import is_given_name
from assistant.text import grammar, lemmas

# Latin, Greek and other letters that stand in a Russian word for those they look like.
LOOKALIKES = str.maketrans("aceopxykmtbhёαοερτκυχβμηιіѕԁɑ", "асеорхукмтвнеаоерткухвмниисда")
LETTERS = re.compile(r"[^\W\d_]+")
FOREIGN = re.compile(r"(?=[а-я]*[^\W\d_а-я])[^\W\d_]+")  # a word with any letter that is not Russian
INVISIBLE = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff]"
)
FRIENDLY = frozenset("🙂😊😉🌸🌷💐✨👋🙏🤗❤♥☺👍")  # signs that say nothing one could be held to

SPACED = re.compile(r"(?<![а-яa-z])[а-яa-z](?:[^а-яa-z0-9\n]{1,2}[а-яa-z](?![а-яa-z])){3,}")  # б е с п л а т н о, б-е-с

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
    r"|за (?:наш|свой) счет|за счет \w+|бес\s+платн\w*|\bб\s?/\s?п\b|за спасибо|сколько не жалко|на халяву"
    r"|денег не (?:бер|возьм)\w+|не (?:бер|возьм)\w+ (?:с вас )?(?:денег|деньги|плат\w+)"
    r"|оплат\w+ не (?:треб|нужн|над|буд|прид)\w*"
)
# A number belongs to what it counts: «30 минут» of the input allow no «30 дней».
MEASURE = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*-?\s*(минут|мин\b|час|ч\b|день|дн|сут|недел|месяц|мес\b|год|лет|раз|сеанс|процедур|мест|человек|мастер"
    r"|врач|шт|мл|грамм|километр|км\b|метр)"
)
SPOKEN_LINK = re.compile(r"[\w-]+\s*(?:\[\.\]|\(\.\)|\sточка\s)\s*\w+|[\w.-]+\s*(?:\bсобака\b|\(at\)|\[at\])\s*\w+")
CLAUSE = re.compile(r"\n+|;\s|(?<=[.!?…])\s+(?=[А-ЯЁA-Z«\"])")
PART = re.compile(r",\s+|\s+и\s+|\s+а\s+")
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
    "полчас полцен полгод полмесяц полтин полперв полвтор полтрет полчетв полпят полшест полседьм полвосьм полдев "
    "полдес полодин полдвен стольник пятихат червон косар тыщ сотк миллион дважды трижды вдвое втрое перв втор "
    "трет пара пару"
)
DATE_STEMS = _stems(
    "сегодня завтра послезавтра вчера понедельни вторни среду среда среды четверг пятниц суббот воскресен будн "
    "выходн январ феврал март апрел мая май июн июл август сентябр октябр ноябр декабр недел месяц утр вечер днем "
    "ночь ночи полдень полноч обед квартал час минут дней дня день год лет зим весн лето лета осен круглосуточн "
    "ежедневн ежечас пн вт ср чт пт сб вс через скоро вскоре позже позднее раньше всегда постоянно угодно любой любое "
    "любую любые"
)
MONEY_STEMS = _stems(
    "бесплатн даром скидк скидок дешев льгот бонус подар кэшбек кешбек рассрочк кредит предоплат аванс депозит "
    "возврат верн возмест компенс рубл рубас руб тысяч процент акци промокод купон сертификат презент комплимент "
    "договорн договорим подешев оплатим доплат задаром недорог дисконт копейк копеек скинем скинут скинуть скидоч "
    "скидон уступ кешб кэш халяв"
)
PROMISE_STEMS = _stems(
    "гарант обещ обязуем точно обязательно непременно наверняка безопасн безболезн навсегда вылеч излеч стопроцент "
    "забронир записал записан запишем запись подтвержд отмен перенес перенош перезвон позвон пришл свобод освобод "
    "держим держу успе приступ лучш сам ручаюсь ручаемс клян отвечаю отвечаем уверя уверен довольн понрав пожале "
    "бронь брони "
    "перестав стопуд железно поможет исправим жду ждем место места мест окно окошк окна исчез избав результат эффект"
)
PLACE_STEMS = _stems(
    "ул улиц проспект переул бульвар набережн площад метро останов двор вход этаж подъезд парков стоянк рядом напротив "
    "возле квартал корпус"
)
HEALTH_STEMS = _stems(
    "примит таблет препарат лекарств антибиотик ибупрофен нурофен парацетамол кетанов кеторол анальгин мазь мази "
    "полоск диагноз дозир доза компресс инъекц укол укола лечи рекоменд противопоказ беремен аллерг нестраш норм "
    "боль боли больно болезн побочн осложнен опасн вредн безвредн заживет пройдет"
)
WATCHED: tuple[tuple[str, Sequence[str]], ...] = (
    ("number", NUMBER_STEMS),
    ("date", DATE_STEMS),
    ("price", MONEY_STEMS),
    ("promise", PROMISE_STEMS),
    ("health", HEALTH_STEMS),
    ("place", PLACE_STEMS),
    ("link", _stems("ватсап вотсап вацап телеграм инстаграм инсту вконтакт вайбер макс тг вк")),
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
    return _misattributed(reply, inputs)


# --- What belongs to what ---------------------------------------------------------------------------------------------

TOLD_OF = ("price", "time", "percent")
CONTENT = frozenset(["NOUN", "Name", "Surn"])


def _misattributed(reply: str, inputs: Sequence[str]) -> str:
    """A price, time or percentage that the input tells of something else than the reply does; "" when none is."""
    lines = [line for text in inputs for line in _parts(text)]
    for part in _parts(reply):
        for kind, value in sorted(_facts(part)):
            bearing = [line for line in lines if any(fact[0] == kind for fact in _facts(line))]
            holding = [line for line in bearing if (kind, value) in _facts(line)]
            elsewhere = set().union(*(_things(line) for line in bearing)) if bearing else set()
            there = set().union(*(_things(line) for line in holding)) if holding else set()
            if holding and (strange := sorted((_things(part) & elsewhere) - there)):
                return f"mixed: {strange[0]} {value}"
    return ""


def _parts(text: str) -> list[str]:
    """Sentences and lines; those that tell several facts of one kind are cut at their commas."""
    found = []
    for clause in CLAUSE.split(text):
        kinds = [kind for kind, _ in _facts(clause)]
        found += PART.split(clause) if len(kinds) > len(set(kinds)) else [clause]
    return found


def _facts(text: str) -> set[tuple[str, str]]:
    return {claim for claim in _claims(text) if claim[0] in TOLD_OF and claim[1][:1].isdigit()}


def _things(text: str) -> set[str]:
    """What a text speaks of: its nouns and names, in their dictionary forms."""
    words = {word for word, _, _ in _words(text) if len(word) > 2}
    claimed = {word for word in words if any(_watched(word))}
    return {form for word in words - claimed if CONTENT & grammar(word) for form in lemmas(word)[:1]}


def _claims(text: str) -> set[tuple[str, str]]:
    """Everything in a text that a client could hold us to, as (kind, canonical value)."""
    said = _folded(text)
    claims = {("link", link.rstrip(".,;:!?)»\"'")) for link in LINK.findall(said)}
    said = LINK.sub(" ", said)
    claims |= {("link", found) for found in SPOKEN_LINK.findall(said)}
    claims |= {("sign", char) for char in said if _is_telling_sign(char)}
    claims |= {("foreign", word) for word in FOREIGN.findall(said) if not ROMAN.fullmatch(word)}
    said = THOUSANDS.sub("", said)
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
    claims |= {("number", f"{_number(number)} {unit}") for number, unit in MEASURE.findall(said)}
    claims |= {("number", token) for token in MIXED.findall(said)}
    claims |= {("number", token) for token in ROMAN.findall(said)}
    claims |= {("number", _number(number)) for number in NUMBER.findall(said)}
    for word in LETTERS.findall(said):
        claims |= set(_watched(word))
    return claims


def _folded(text: str) -> str:
    """One way of writing everything: digits, invisible signs, accents, letter case, the kinds of space and dash."""
    text = _plain_signs(text).casefold().replace("ё", "е")
    text = SPACED.sub(lambda found: re.sub(r"[^а-яa-z]", "", found[0]), text)
    text = LETTERS.sub(lambda found: _one_alphabet(found[0]), text)
    return re.sub(r"[−–—]", "-", text)


def _plain_signs(text: str) -> str:
    """Without what is not seen, without accents on letters, every digit of every script as 0-9."""
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    text = "".join(str(unicodedata.decimal(char, char)) for char in text)
    return "".join(char for char in text if unicodedata.category(char) not in ("Mn", "Me"))


def _is_telling_sign(char: str) -> bool:
    """A picture or a numeral of its own: a gift, a clock, a hundred."""
    if char in FRIENDLY:
        return False
    is_numeral = unicodedata.numeric(char, None) is not None and char not in "0123456789"
    return is_numeral or unicodedata.category(char) == "So"


def _names(reply: str) -> Iterable[str]:
    """Words with a capital amid a sentence, and given names anywhere: people and places."""
    for word, is_capital, before in _words(reply):
        is_name = is_given_name(word) and (is_capital or _is_only_name(word))
        if is_name or (is_capital and not SENTENCE_BEGINS.search(before)):
            yield word


def _is_only_name(word: str) -> bool:
    """Whether the word has no other meaning: «мария», and not «вера»."""
    return not {"inan", "VERB", "ADJF", "ADJS", "ADVB", "PREP", "CONJ", "PRCL", "NPRO", "INFN"} & grammar(word)


def _words(text: str) -> Iterable[tuple[str, bool, str]]:
    """Each word in small letters, whether it had a capital, and what stands before it."""
    text = _plain_signs(text)
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
