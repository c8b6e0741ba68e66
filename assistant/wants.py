"""What clients of a salon say beside yes and no: running late, «как обычно», for somebody else, with somebody.

Like `assistant.cues`, but these speak of visits and people. Every function takes the client's text as written; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from assistant.choices import DAY_WORDS
from assistant.cues import asks_address, asks_hours, bag, plain, tokens
from assistant.dates import find_times
from assistant.text import grammar, lemma, likeliest, normalise
from assistant.understanding import DateTimeSlot

NUMBERS = {
    "пять": 5, "десять": 10, "пятнадцать": 15, "двадцать": 20, "тридцать": 30, "сорок": 40, "пятьдесят": 50,
    "пару": 2, "пара": 2, "несколько": 5, "полтора": 90,
}  # fmt: skip
LATE = re.compile(
    r"\bопазд\w+|\bопозда\w+|\bзадерж(усь|иваюсь|имся|иваемся|алась|ался|ались)\b|\bне\s+успева\w+\s+(вовремя|ко?\s)"
    r"|\b(буду|будем|приду|придем|приеду|приедем|подойду|подойдем)\s+(\w+\s+){0,3}?(по)?позже\b"
)
LATE_BY = re.compile(
    r"\b(?P<before>\d{1,2})\s*(?:[-–]\s*(?P<upto>\d{1,2})\s*)?мин\w*"
    r"|\bмин\w*\s+(?:на\s+)?(?P<after>\d{1,2})(?:\s*[-–]\s*(?P<till>\d{1,2}))?"
    rf"|\b(?P<word>{'|'.join(NUMBERS)})\s+мин\w*|\bмин\w*\s+(?:на\s+)?(?P<wordafter>{'|'.join(NUMBERS)})\b"
    r"|(?P<half>\bполчас\w*|\bпол\s+часа)|(?P<quarter>\bчетверть\s+часа)|(?P<more>\bполтора\s+часа)"
    r"|\b(?P<hours>\d)\s*час\w*|(?P<hour>\bна\s+час\w*|\bчерез\s+час\b|\bчас(а|ик)?\b)"
)
SOON = re.compile(r"\b(пару|пара|несколько|пять|чуть|немного|немножко|слегка)\b")
USUAL = re.compile(
    r"\b(как|что)\s+(и\s+)?(обычно|всегда|раньше)\b|\bкак\s+(и\s+)?в\s+прошл\w+\s+раз|\bто\s+же\s+самое\b"
    r"|\bна\s+то\s+же(,)?\s+что|\bповтори(ть|м|те)\s+(прошл\w+\s+)?(запис|визит|процедур)\w*|\bпо\s+старой\s+схеме"
)
SAME_PERSON = re.compile(
    r"\b(к|ко|у)\s+(то(му|й|го)\s+же\s+(сам\w+\s+)?|мо(ему|ей|его)\s+|сво(ему|ей|его)\s+|прошл\w+\s+|прежн\w+\s+)"
    r"(мастер\w*|врач\w*|доктор\w*|специалист\w*|барбер\w*|косметолог\w*|массажист\w*|парикмахер\w*|девушк\w*)"
    r"|\b(к|у)\s+(того|тому|той)\s+же\b|\bк\s+кому\s+(я\s+)?(ходил\w*|хожу)\b"
)
ANY_PERSON = re.compile(
    r"\b(люб(ой|ая|ого|ому|ую|ым)|кто\s+угодно|как(ой|ого)\s+угодно)\s*(мастер\w*|врач\w*|доктор\w*|специалист\w*|барбер\w*"
    r"|свободн\w+)|\b(ко?|у)\s+(кому|кого)\s+угодно|\b(мастер|врач|специалист|барбер)\w*\s+(не\s*важ\w+|люб\w+|вс[её]\s+равно)"
    r"|\b(не\s*важно|вс[её]\s+равно|без\s+разницы)\s*,?\s+(к\s+кому|какой|какая|кто|у\s+кого)|\bк\s+любо(му|й)\b"
    r"|\bкто\s+(будет\s+)?(свободен|свободна|свободный)\b"
)
FOLLOWS = re.compile(r"^(ну\s+)?(а|и|а\s+вот|а\s+если|а\s+как\s+насчет|а\s+что\s+насчет)\s")
DEAR = re.compile(r"\bдорог(о|овато|ая|ие|ой|оват\w*)\b|\b(по)?дешевле\b|\bкусается|\bмногова(то)?\b")
NOTED = bag(
    "да нет ок окей ok хорошо ладно понятно ясно поняла понял принято договорились супер отлично ага угу жду ждем "
    "класс здорово замечательно прекрасно учту буду 👍 👌"
)
BOTH = re.compile(r"^(обе|оба|обеих|обоих|все|всех|и\s+т[оу]\s+и\s+друг\w+)\b|\b(обе|оба|все)\s+(запис\w+|визит\w+)")
OPEN_ON = re.compile(
    r"\b(работаете|открыты|трудитесь|принимаете|работает\s+(салон|клиника|барбершоп|центр))\b"
    r"|\b(у\s+вас\s+)?(выходной|рабочий\s+день)\b"
)
OPEN_WHO = re.compile(r"\b(с|со|над|из|на|по)\s+(?!вых|суб|вос|пон|вто|сре|чет|пят|буд|праз|\d)\w+")
ANOTHER_DAY = re.compile(r"\bдруг(ой|ие)\s+(день|дни|дат\w+)|\bв\s+другой\b")
SHIFT_DAYS = re.compile(r"\bна\s+(?:(?P<day>день)|(?P<week>недел[юь])|(?P<two>два\s+дня|2\s+дня))\s+(?P<way>\w+)")

# --- Somebody else ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Relation:
    """Somebody of the client's: «муж», in the cases that sentences need."""

    nom: str
    acc: str
    is_male: bool
    is_child: bool = False


_RELATIONS = {
    "муж": ("мужа", "мужа мужу мужем муж муженька супруга супругу супругом супруг"),
    "жена": ("жену", "жену жене жены женой жена супругу супруги супруге"),
    "сын": ("сына", "сына сыну сыном сын сынишку сынишке сынка сыночка сыночку сынок"),
    "дочь": ("дочь", "дочь дочку дочке дочери дочки дочерью дочкой дочка доченьку доченьке"),
    "ребёнок": ("ребёнка", "ребенка ребенку ребенком ребенок малыша малышу"),
    "мама": ("маму", "маму маме мамы мамой мама мамочку мамочке мать"),
    "папа": ("папу", "папу папе папы папой папа отца отцу отцом"),
    "сестра": ("сестру", "сестру сестре сестры сестрой сестра сестренку"),
    "брат": ("брата", "брата брату братом брат братишку"),
    "подруга": ("подругу", "подругу подруге подруги подругой подруга подружку подружке подружкой"),
    "друг": ("друга", "друга другом друг приятеля"),
    "бабушка": ("бабушку", "бабушку бабушке бабушки бабушкой бабушка"),
    "дедушка": ("дедушку", "дедушку дедушке деда деду дедушка"),
    "внук": ("внука", "внука внуку внуком внук"),
    "внучка": ("внучку", "внучку внучке внучкой внучка"),
    "племянник": ("племянника", "племянника племяннику"),
    "племянница": ("племянницу", "племянницу племяннице"),
    "парень": ("парня", "парня парню парнем"),
    "коллега": ("коллегу", "коллегу коллеге коллегой"),
    "свекровь": ("свекровь", "свекровь свекрови"),
    "тёща": ("тёщу", "тещу теще"),
}
_MALE = bag("муж сын папа брат друг дедушка внук племянник парень")
_CHILD = bag("сын дочь ребёнок внук внучка племянник племянница")
RELATIONS = {
    nom: Relation(nom, acc, is_male=nom in _MALE, is_child=nom in _CHILD) for nom, (acc, _) in _RELATIONS.items()
}
_FORMS = {form: nom for nom, (_, forms) in _RELATIONS.items() for form in forms.split()}
_ANYBODY = "|".join(sorted(_FORMS, key=len, reverse=True))
_WHOSE = r"(?:мо(?:его|ю|ей|ему|им)\s+|сво(?:его|ю|ей|ему|им)\s+)?"
_DO = (
    r"(?:запис\w*|запиш\w*|подстри\w*|постри\w*|стричь|привест\w*|приве[дз]\w*|показа\w*|отвест\w*|сводить|полечить|"
    r"побрить|сделать|принять|примите|посмотр\w*)"
)
GUEST = re.compile(
    rf"\b{_DO}\s+(?:пожалуйста\s+|бы\s+|к\s+вам\s+|ли\s+|можно\s+|на\s+\w+\s+|еще\s+|только\s+)*{_WHOSE}(?P<after>{_ANYBODY})\b"
    rf"|\b(?:для|за)\s+{_WHOSE}(?P<for>{_ANYBODY})\b"
    rf"|\b{_WHOSE}(?P<before>{_ANYBODY})\s+(?:\w+\s+){{0,2}}?(?:запис\w*|запиш\w*|подстри\w*|постри\w*|привест\w*|показать)\b"
    rf"|\b{_WHOSE}(?P<to>{_ANYBODY})\s+(?:\w+\s+)?(?:на|к|нужн\w+|надо|требуется|хотим|хочу|хотел\w*)\b"
    rf"|\b(?:хочу|нужн\w+|надо|можно)\s+{_WHOSE}(?P<need>{_ANYBODY})\s+(?:на|к|по|стриж|маник|масс|чист|приём|прием)"
)
TOGETHER = re.compile(
    rf"\b(?:меня|себя|я|мне|нас|мы)\s*,?\s*(?:и|с|со|плюс)\s+(?:еще\s+)?{_WHOSE}(?P<one>{_ANYBODY})\b"
    rf"|\b{_WHOSE}(?P<two>{_ANYBODY})\s+и\s+(?:меня|себя|мне)\b"
    rf"|\b(?:нас|мы)\s+(?:\w+\s+)?(?:двое|вдвоем)\b|\bвдвоем\b|\b(?:на|для)\s+двоих\b|\bдвоих\b|\bдва\s+человека\b|\bдвух\s+человек\b"
    rf"|\bвместе\s+с\s+{_WHOSE}(?P<with>{_ANYBODY})\b"
)
NOT_GUEST = re.compile(r"\b(сертификат\w*|подар\w+|посоветовал\w*|рекоменд\w+|сказал\w*|ходит\s+к\s+вам|у\s+мужа)\b")


def guest(text: str) -> Relation | None:
    """Whom the visit is for, when it is not the one who writes: «для мужа», «дочку запишите»."""
    said = plain(text)
    found = GUEST.search(said)
    if found is None or NOT_GUEST.search(said) or together(text)[0]:
        return None
    return RELATIONS[_FORMS[next(group for group in found.groups() if group)]]


def together(text: str) -> tuple[bool, Relation | None]:
    """Whether two people want to come, and who the other one is, if that was said."""
    said = plain(text)
    found = TOGETHER.search(said)
    if found is None or NOT_GUEST.search(said):
        return False, None
    who = next((group for group in found.groups() if group), "")
    return True, RELATIONS[_FORMS[who]] if who else None


def names_guest_first(text: str) -> bool:
    """«мужа на стрижку, а меня на маникюр»."""
    said = plain(text)
    guest_at, self_at = re.search(rf"\b({_ANYBODY})\b", said), re.search(r"\b(меня|себя|мне|я)\b", said)
    return bool(guest_at and self_at and guest_at.start() < self_at.start())


def guest_name(text: str, name: str) -> str:
    """The name that follows the relation («дочку Полину»), in the nominative; "" when `name` is not said so."""
    first = name.casefold().replace("ё", "е").split()[0] if name else ""
    if not first or not re.search(rf"\b({_ANYBODY})\s*,?\s+(зовут\s+)?{re.escape(first)}\b", plain(text)):
        return ""
    return " ".join(nominative(part) for part in name.split())


def nominative(name: str) -> str:
    """«Полину» -> «Полина»; a name that is unknown to the dictionary stays as it was written."""
    tags = grammar(name.casefold())
    return lemma(name.casefold()).capitalize() if "Name" in tags and "nomn" not in tags else name[:1].upper() + name[1:]


# --- Late, usual, any -------------------------------------------------------------------------------------------------


def relation(text: str) -> Relation | None:
    """The person of the client's that the words name: «а для сына?»."""
    found = re.search(rf"\b({_ANYBODY})\b", plain(text))
    return RELATIONS[_FORMS[found[1]]] if found else None


def finds_dear(text: str) -> bool:
    """«дорого», «подешевле есть?»"""
    return bool(DEAR.search(plain(text))) and len(tokens(text)) <= 10


def acknowledges(text: str) -> bool:
    """A word that asks for nothing: «хорошо», «понятно», «договорились»."""
    said = tokens(text)
    return bool(said) and len(said) <= 4 and said[0] in NOTED and "?" not in text


def late(text: str) -> timedelta | None:
    """How late the client will be; zero when it was not said, None when nobody is late."""
    said = plain(text)
    if not LATE.search(said):
        return None
    found = LATE_BY.search(said)
    if found is None:
        return timedelta(0)
    if found["half"] or found["quarter"] or found["more"]:
        return timedelta(minutes=30 if found["half"] else 15 if found["quarter"] else 90)
    if found["hour"]:
        return timedelta(hours=1)
    if found["hours"]:
        return timedelta(hours=int(found["hours"]))
    if word := found["word"] or found["wordafter"]:
        return timedelta(minutes=NUMBERS[word])
    return timedelta(minutes=int(found["upto"] or found["before"] or found["till"] or found["after"]))


def as_usual(text: str) -> bool:
    """«как обычно», «то же самое, что в прошлый раз»."""
    return bool(USUAL.search(plain(text)))


def same_person(text: str) -> bool:
    """«к тому же мастеру», «к моему врачу»."""
    return bool(SAME_PERSON.search(plain(text)))


def any_person(text: str) -> bool:
    """Whoever is free will do."""
    return bool(ANY_PERSON.search(plain(text)))


def both(text: str) -> bool:
    """«обе», «все записи»."""
    return bool(BOTH.search(plain(text)))


def follows_up(text: str) -> bool:
    """«а маникюр?», «а в субботу?»: short, and about what was spoken of just before."""
    said = plain(text)
    few = len(tokens(text)) <= 6
    return few and (bool(FOLLOWS.search(said)) or ("?" in text and len(tokens(text)) <= 2))


def asks_person(text: str) -> bool:
    """«а к Ольге?», «у Дианы есть время?»"""
    return bool(re.search(r"\b(к|ко|у)\s+[а-я]{3,}", plain(text)))


def shift_days(text: str) -> timedelta | None:
    """«на день позже», «на неделю раньше»; None when no such thing is said."""
    found = SHIFT_DAYS.search(plain(text))
    if found is None or not found["way"].startswith(("поз", "попоз", "впер", "рань", "пора", "наза")):
        return None
    days = 1 if found["day"] else 7 if found["week"] else 2
    return timedelta(days=days if found["way"].startswith(("поз", "попоз", "впер")) else -days)


# --- Hours ------------------------------------------------------------------------------------------------------------


def asks_if_open(text: str) -> bool:
    """«в субботу работаете?»: whether there is anybody then; not «вы работаете с брекетами?»."""
    said = plain(text)
    found = OPEN_ON.search(said)
    if found is None or not ("?" in text or len(tokens(text)) <= 6):
        return False
    return bool(DAY_WORDS.search(said)) and not OPEN_WHO.search(said[found.end() :])


def day_spoken(text: str, now: datetime) -> DateTimeSlot | None:
    """The first day or time that the words name, whatever the message is about. `now` is naive local."""
    return next(iter(find_times(f"запишите {text}", now=now)), None)


# --- What we do not have ----------------------------------------------------------------------------------------------

_GENERAL = bag(
    "цена стоимость прайс расценка услуга рубль деньги сумма список день утро вечер добрый привет здравствуйте вопрос "
    "человек мастер врач доктор специалист барбер салон клиника центр барбершоп процедура сеанс визит прием запись "
    "раз час минута время девушка девочка ребята мужчина женщина ребенок один акция скидка карта оплата наличные "
    "подсказка информация консультация спасибо пожалуйста суббота воскресенье понедельник вторник среда четверг "
    "пятница неделя месяц завтра сегодня послезавтра ночь обед курс абонемент сертификат клиент друг мама муж жена "
    "дочь сын сторона половина штука размер длина зона весь все мир дело тариф пакет комплекс город район адрес "
    "деньга праздник окошко окно место подруга "
    "имя телефон номер сообщение чат сайт инстаграм интернет фото картинка образец вариант порядок диапазон"
)


def unknown_thing(text: str, known: frozenset[str], *, without: Sequence[str] = (), led: bool = False) -> bool:
    """Whether the message asks for a thing that none of the `known` words (dictionary forms of the price list) names.

    `without`: pieces of the text that are something else (a time, a name); `led`: only after «на», «к»: «на татуаж»."""
    for piece in without:
        text = text.replace(piece, " ")
    lead = r"(?:^|\s)(?:на|к|ко)\s+(?:[а-я-]+(?:ую|ой|ый|ое|ие|ого|ому)\s+)?" if led else r"(?:^|[^а-я-])"
    things = re.findall(rf"{lead}([а-я-]{{4,}})", normalise(text).plain)
    nouns = {lemma(word) for word in things if "NOUN" in likeliest(word)}
    nouns -= {word for word in nouns if word in _GENERAL or grammar(word) & {"Name", "Surn", "Geox"}}
    return bool(nouns) and not nouns & known


def asks_plainly(text: str) -> bool:
    """The address or the hours are asked for."""
    return asks_address(text) or asks_hours(text) or asks_if_open(text)
