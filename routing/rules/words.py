"""The vocabulary of rules in both languages: keywords, events, fields with what they compare to, actions.

A screen builds its lists from here, the reader checks names against it, the writer prints in either language.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Literal, TypeVar

from routing.rules.shapes import Operator

Language = Literal["en", "ru"]
Kind = Literal["text", "choice", "flag", "number", "duration"]

KEYWORDS: dict[str, tuple[str, str]] = {  # terminal: English, Russian
    "RULE": ("RULE", "ПРАВИЛО"),
    "ON": ("ON", "ПРИ"),
    "OFF": ("OFF", "ВЫКЛЮЧЕНО"),
    "IF": ("IF", "ЕСЛИ"),
    "THEN": ("THEN", "ТО"),
    "ELSE": ("ELSE", "ИНАЧЕ"),
    "AND": ("AND", "И"),
    "OR": ("OR", "ИЛИ"),
    "NOT": ("NOT", "НЕ"),
    "IN": ("IN", "ИЗ"),
    "IS": ("IS", ""),  # Russian needs none: «промокод ЗАДАН»
    "SET": ("SET", "ЗАДАН"),
    "CONTAINS": ("CONTAINS", "СОДЕРЖИТ"),
}
READ_AS = {  # other spellings of keywords
    "в": "IN",
    "задано": "SET",
    "задана": "SET",
    "указан": "SET",
    "указана": "SET",
    "выключено": "OFF",
    "выкл": "OFF",
}


@dataclass(frozen=True)
class Named:
    """Something that rules name: its key (also the English word), the Russian word, and how a screen calls it."""

    key: str
    russian: str
    title: str


@dataclass(frozen=True)
class Choice:
    """One value of a closed list; `also`: other words that are read as it."""

    key: str
    title: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Field(Named):
    kind: Kind
    choices: tuple[Choice, ...] = ()
    unit: str = ""  # of a number

    @property
    def operators(self) -> tuple[Operator, ...]:
        if self.kind in ("number", "duration"):
            return (">", ">=", "<", "<=", "=", "!=")
        if self.kind == "flag":
            return ("=", "!=")
        return ("=", "!=", "in", "not in", *(("contains", "is set", "is not set") if self.kind == "text" else ()))


@dataclass(frozen=True)
class ActionWord(Named):
    """`value`: what stands after `=`; "" for an action that takes nothing."""

    value: Literal["target", "text", "choice", ""]
    choices: tuple[Choice, ...] = ()


EVENTS = (
    Named("new_lead", "новая_заявка", "новая заявка"),
    Named("facts_changed", "новые_данные", "узнали новое о заявке"),
    Named("client_confirmed", "клиент_подтвердил", "клиент подтвердил"),
    Named("timer_due", "настал_срок", "настал срок"),
    Named("owner_silent", "ответственный_молчит", "ответственный молчит"),
)

T = TypeVar("T", bound=Named)

FLAG = (Choice("yes", "да", ("true",)), Choice("no", "нет", ("false",)))
_CHANNELS = (
    Choice("telegram", "Telegram", ("телеграм", "тг")),
    Choice("whatsapp", "WhatsApp", ("ватсап", "вотсап")),
    Choice("instagram", "Instagram", ("инстаграм", "insta", "инста")),
    Choice("vk", "ВКонтакте", ("вк", "vkontakte")),
    Choice("max", "MAX", ("макс",)),
    Choice("webchat", "чат на сайте", ("чат",)),
    Choice("form", "форма на сайте", ("форма", "сайт")),
    Choice("email", "почта", ("e-mail", "письмо")),
    Choice("sms", "СМС", ()),
    Choice("call", "звонок", ("телефон", "phone")),
)
_INTENTS = (
    Choice("booking", "запись"),
    Choice("cancel", "отмена"),
    Choice("reschedule", "перенос"),
    Choice("price_question", "вопрос о цене", ("цена", "price")),
    Choice("promo_question", "вопрос об акции", ("акция",)),
    Choice("callback_request", "просьба перезвонить", ("звонок", "callback", "перезвонить")),
    Choice("consultation", "консультация", ("вопрос",)),
    Choice("complaint", "жалоба"),
    Choice("spam", "спам"),
    Choice("other", "другое"),
)
FIELDS = (
    Field("source", "источник", "источник", "text"),
    Field("channel", "канал", "канал", "choice", _CHANNELS),
    Field(
        "utm",
        "utm_вид",
        "переход по рекламе",
        "choice",
        (
            Choice("ad", "реклама", ("paid", "ads")),
            Choice("other", "другая метка"),
            Choice("none", "без метки", ("нет",)),
        ),
    ),
    Field("utm_source", "utm_source", "UTM: источник", "text"),
    Field("utm_medium", "utm_medium", "UTM: тип трафика", "text"),
    Field("utm_campaign", "utm_campaign", "UTM: кампания", "text"),
    Field("utm_content", "utm_content", "UTM: объявление", "text"),
    Field("utm_term", "utm_term", "UTM: запрос", "text"),
    Field("promo", "промокод", "промокод", "text"),
    Field("service", "услуга", "услуга", "text"),
    Field("category", "категория", "категория услуги", "text"),
    Field("intent", "намерение", "чего хочет клиент", "choice", _INTENTS),
    Field(
        "urgency",
        "срочность",
        "срочность",
        "choice",
        (Choice("high", "высокая", ("срочно",)), Choice("normal", "обычная")),
    ),
    Field(
        "emotion",
        "эмоция",
        "настроение",
        "choice",
        (
            Choice("angry", "недоволен", ("злой", "негатив")),
            Choice("neutral", "спокоен", ("нейтрально",)),
            Choice("positive", "доволен", ("позитив",)),
        ),
    ),
    Field("price_sensitive", "важна_цена", "клиенту важна цена", "flag", FLAG),
    Field(
        "language",
        "язык",
        "язык клиента",
        "choice",
        (
            Choice("ru", "русский"),
            Choice("tt", "татарский"),
            Choice("ba", "башкирский"),
            Choice("kk", "казахский"),
            Choice("en", "английский"),
            Choice("other", "не русский", ("другой",)),
        ),
    ),
    Field("branch", "филиал", "филиал", "text"),
    Field("district", "район", "район", "text"),
    Field(
        "geo",
        "место",
        "откуда клиент",
        "choice",
        (Choice("city", "город"), Choice("suburb", "пригород"), Choice("outside", "другой город", ("иногородний",))),
    ),
    Field(
        "customer_status",
        "статус_клиента",
        "клиент",
        "choice",
        (
            Choice("new", "новый", ("новая",)),
            Choice("repeat", "повторный", ("постоянный", "returning")),
            Choice("vip", "VIP", ("вип",)),
            Choice("no_show", "не приходил", ("неявка", "no-show")),
        ),
    ),
    Field("score", "балл", "балл", "number"),
    Field(
        "temperature",
        "температура",
        "температура",
        "choice",
        (Choice("hot", "горячая", ("горячий",)), Choice("warm", "тёплая", ("теплая",)), Choice("cold", "холодная")),
    ),
    Field(
        "time",
        "время",
        "время обращения",
        "choice",
        (
            Choice("business_hours", "рабочее время", ("рабочее",)),
            Choice("after_hours", "нерабочее время", ("нерабочее",)),
            Choice("night", "ночь", ("ночью",)),
            Choice("weekday", "будни", ("будний",)),
            Choice("weekend", "выходные", ("выходной",)),
            Choice("holiday", "праздник", ("праздники",)),
        ),
    ),
    Field("hour", "час", "час обращения", "number"),
    Field("response_time", "время_ответа", "сколько клиент ждёт ответа человека", "duration"),
    Field("load", "загрузка", "загрузка сотрудников на смене", "number", unit="%"),
)

STRATEGIES = (
    Choice("round_robin", "по очереди"),
    Choice("least_loaded", "наименее занятому"),
    Choice("sticky", "прежнему менеджеру"),
    Choice("by_skill", "по навыку"),
    Choice("weighted", "по весам"),
)
_PRIORITIES = (Choice("high", "высокий"), Choice("normal", "обычный"), Choice("low", "низкий"))
SEQUENCES = (
    Choice("usual", "обычная"),
    Choice("quick", "быстрая"),
    Choice("long", "долгая"),
    Choice("none", "нет", ("не напоминать",)),
)
ACTIONS = (
    ActionWord("assign_to", "назначить", "назначить", "target"),
    ActionWord("reassign_to", "передать", "передать другому", "target"),
    ActionWord("escalate_to", "поднять_до", "поднять до", "target"),
    ActionWord("notify", "сообщить", "сообщить", "target"),
    ActionWord("strategy", "порядок", "кому в очереди", "choice", STRATEGIES),
    ActionWord("create_task", "задача", "поставить задачу", "text"),
    ActionWord("tag", "метка", "поставить метку", "text"),
    ActionWord("priority", "приоритет", "приоритет", "choice", _PRIORITIES),
    ActionWord("reply", "ответить", "ответить шаблоном", "text"),
    ActionWord("start_nurture", "цепочка", "напоминать молчащему", "choice", SEQUENCES),
    ActionWord("quarantine", "в_карантин", "в карантин", ""),
    ActionWord("stop", "стоп", "дальше правил не смотреть", ""),
)

UNITS: tuple[tuple[str, str, timedelta, tuple[str, ...]], ...] = (  # English, Russian, length, read as well
    ("d", "д", timedelta(days=1), ("day", "days", "дн", "день", "дня", "дней", "сут")),
    ("h", "ч", timedelta(hours=1), ("hour", "hours", "час", "часа", "часов")),
    ("min", "мин", timedelta(minutes=1), ("m", "м", "minutes", "minute", "минут", "минуты", "минута")),
    ("s", "с", timedelta(seconds=1), ("sec", "сек", "seconds", "second", "секунд", "секунды", "секунда")),
)


@cache
def field_of(word: str) -> Field | None:
    """The field of that name in either language, whatever its case."""
    return _by_name(FIELDS).get(plain(word))


@cache
def action_of(word: str) -> ActionWord | None:
    return _by_name(ACTIONS).get(plain(word))


@cache
def event_of(word: str) -> Named | None:
    return _by_name(EVENTS).get(plain(word))


def choice_of(choices: Iterable[Choice], word: str) -> Choice | None:
    """The value that a word names: by key, by title or by another usual word."""
    wanted = plain(word)
    return next(
        (each for each in choices if wanted in (plain(each.key), plain(each.title), *map(plain, each.also))), None
    )


def chosen(action: str, value: str | None) -> str:
    """Key of the value of a closed list that an action names, in whichever words; "" for none of the list."""
    word = action_of(action)
    choice = choice_of(word.choices, value) if word and value else None
    return choice.key if choice else ""


@lru_cache(maxsize=8192)
def plain(word: str) -> str:
    """A word as it is compared: case, ё and the kind of space do not count."""
    return " ".join(word.casefold().replace("ё", "е").replace("_", " ").split())


def length_of(number: Decimal, unit: str) -> timedelta | None:
    """`60`, `s` to a minute; None for a unit that there is not."""
    wanted = plain(unit)
    for english, russian, length, also in UNITS:
        if wanted in (english, russian, *also):
            return length * float(number)
    return None


def _by_name(things: tuple[T, ...]) -> dict[str, T]:
    return {plain(name): thing for thing in things for name in (thing.key, thing.russian)}
