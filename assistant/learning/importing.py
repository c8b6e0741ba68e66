"""Marked messages and dialogues out of a file: CSV, XLSX (a row a message, or a row a turn), JSONL.

Words in, examples and errors out, each with the place it came from. Nobody's name or phone passes: what is shown in a
preview is what will be kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from assistant.intents import LABELS
from assistant.knowledge_import import LARGEST_FILE, MOST_ERRORS, MOST_ROWS, Row, Unreadable, decoded, read_table
from assistant.learning.examples import LONGEST, Meaning, is_held_back
from assistant.models import TrainingExample

MOST = 600  # examples in one file
FORMATS = (".csv", ".xlsx", ".jsonl")
Kind = TrainingExample.Kind


@dataclass(frozen=True)
class Found:
    """One example. `place`: where it stands, for people; `meaning` None: it is about a reply. `told`: the intent that
    somebody had understood, "" where the file does not say."""

    place: str
    text: str
    meaning: Meaning | None = None
    told: str = ""
    reply: str = ""
    right_reply: str = ""
    is_right: bool = True
    same_as: str = ""  # where it stands already; "" for a new one

    @property
    def intent_title(self) -> str:
        return LABELS[self.meaning.intent] if self.meaning else ""

    def to_json(self) -> list[Any]:
        meaning = asdict(self.meaning) if self.meaning else None
        return [self.text, meaning, self.told, self.reply, self.right_reply, self.is_right]

    @classmethod
    def from_json(cls, told: list[Any]) -> Found:
        text, meaning, intent, reply, right_reply, is_right = told
        if meaning:
            meaning = Meaning(**{**meaning, "also": tuple(meaning["also"])})
        return cls("", text, meaning, intent, reply, right_reply, is_right)


@dataclass
class Reading:
    """What was understood, and what was not: errors by place, in Russian."""

    examples: list[Found] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class _Wrong(Exception):
    """A row cannot be taken; str() says why."""


def read_file(name: str, content: bytes, mask: Callable[[str], str]) -> Reading:
    """Examples of a file, every text passed through `mask`. Raises Unreadable."""
    if len(content) > LARGEST_FILE:
        raise Unreadable(f"Файл больше {LARGEST_FILE // 1024 // 1024} МБ. Разделите его на части.")
    if not content.strip():
        raise Unreadable("Файл пустой.")
    suffix = "." + name.lower().rpartition(".")[2]
    if suffix not in FORMATS:
        raise Unreadable("Этот вид файла не читается. Подойдут CSV, XLSX и JSONL.")
    lines = _json_lines(decoded(content)) if suffix == ".jsonl" else _table_lines(read_table(name, content))
    reading = Reading()
    said: dict[str, str] = {}  # dialogue -> the client's last words in it
    for number, (place, told) in enumerate(lines):
        if number >= MOST_ROWS:
            raise Unreadable(f"В файле больше {MOST_ROWS} строк. Разделите его на части.")
        try:
            if isinstance(told, _Wrong):
                raise told
            for found in _found(place, told, said):
                reading.examples.append(_masked(found, mask))
        except _Wrong as error:
            reading.errors.append(f"{place}: {error}")
    return _checked(reading)


def _checked(reading: Reading) -> Reading:
    if len(reading.examples) > MOST:
        raise Unreadable(f"Найдено примеров: {len(reading.examples)}, за один раз можно не больше {MOST}.")
    if not reading.examples and not reading.errors:
        raise Unreadable("Ни одного примера не нашлось.")
    if (more := len(reading.errors) - MOST_ERRORS) > 0:
        reading.errors[MOST_ERRORS:] = [f"И ещё ошибок: {more}."]
    return reading


def _masked(found: Found, mask: Callable[[str], str]) -> Found:
    return replace(found, text=mask(found.text), reply=mask(found.reply), right_reply=mask(found.right_reply))


# --- Rows -------------------------------------------------------------------------------------------------------------

_COLUMNS = {
    "text": ("сообщение", "сообщение клиента", "текст", "клиент", "вопрос", "text", "message"),
    "intent": ("намерение", "правильно", "правильное намерение", "смысл", "intent"),
    "intents": ("намерения", "intents"),
    "also": ("ещё намерения", "еще намерения", "также", "also"),
    "told": ("понято", "понято как", "было понято", "told"),
    "urgency": ("срочно", "срочность", "urgency"),
    "price_sensitive": ("важна цена", "цена важна", "price_sensitive"),
    "emotion": ("настроение", "эмоция", "emotion"),
    "reply": ("ответ", "ответ ассистента", "reply"),
    "right": ("верно", "ответ верный", "ответ верен", "right"),
    "right_reply": ("правильный ответ", "верный ответ", "как надо ответить", "right_reply", "correct"),
    "author": ("кто", "автор", "author"),
    "dialogue": ("диалог", "разговор", "dialogue"),
}
_TITLES = {title: name for name, titles in _COLUMNS.items() for title in titles}
_INTENTS = {**{key: key for key in LABELS}, **{title: key for key, title in LABELS.items()}} | {
    "записаться": "booking", "отменить": "cancel", "перенести": "reschedule", "цена": "price_question",
    "цены": "price_question", "акция": "promo_question", "акции": "promo_question", "скидка": "promo_question",
    "звонок": "callback_request", "перезвонить": "callback_request", "вопрос": "consultation", "прочее": "other",
    "реклама": "spam",
}  # fmt: skip
_YES = frozenset(["да", "+", "1", "true", "yes", "верно", "правильно", "высокая", "high", "срочно", "важна"])
_NO = frozenset(["нет", "-", "0", "false", "no", "неверно", "неправильно", "обычная", "normal", ""])
_EMOTIONS = {
    "": "neutral", "neutral": "neutral", "спокоен": "neutral", "нейтральное": "neutral", "angry": "angry",
    "недоволен": "angry", "злой": "angry", "positive": "positive", "доволен": "positive", "радостное": "positive",
}  # fmt: skip
_CLIENTS = frozenset(["", "клиент", "client", "user"])
_ASSISTANTS = frozenset(["ассистент", "бот", "assistant", "bot", "администратор", "салон"])


def _table_lines(rows: Iterable[Row]) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows by the names of their columns; without a header: message, intent."""
    columns: dict[str, int] | None = None
    for place, cells in rows:
        cells = [_clean(cell) for cell in cells]
        if not any(cells):
            continue
        named = {name: at for at, cell in enumerate(cells) if (name := _TITLES.get(cell.lower().strip(": ")))}
        if "text" in named and len(named) > 1:
            columns = named
            continue
        columns = columns or {"text": 0, "intent": 1}
        yield place, {name: cells[at] if at < len(cells) else "" for name, at in columns.items()}


def _json_lines(text: str) -> Iterator[tuple[str, dict[str, str] | _Wrong]]:
    """An object a line: a message, or a dialogue with its `messages`."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"Строка {number}"
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            yield place, _Wrong("это не JSON.")
            continue
        turns = told.get("messages", [told]) if isinstance(told, dict) else None
        if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
            yield place, _Wrong("нужен объект с полем text или messages.")
            continue
        for at, turn in enumerate(turns, 1):
            where = f"{place}, реплика {at}" if len(turns) > 1 else place
            yield where, {"dialogue": str(number), **{str(key).lower(): _cell(value) for key, value in turn.items()}}


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ";".join(_cell(each) for each in value)
    if isinstance(value, bool):
        return "да" if value else "нет"
    return "" if value is None else _clean(str(value))


def _clean(text: str) -> str:
    return re.sub(r"[^\S\n]+", " ", "".join(sign for sign in text if sign == "\n" or sign.isprintable())).strip()


def _found(place: str, told: Mapping[str, str], said: dict[str, str]) -> Iterator[Found]:
    """The examples of one row. Raises _Wrong."""
    author = told.get("author", "").lower()
    if author not in _CLIENTS | _ASSISTANTS:
        raise _Wrong(f"непонятно, кто это: «{_short(author)}»; есть: клиент, ассистент.")
    text, reply = told.get("text", ""), told.get("reply", "")
    dialogue = told.get("dialogue", "")
    if author in _ASSISTANTS:
        text, reply = said.get(dialogue, ""), text
    else:
        said[dialogue] = text
    if not text and not reply:
        raise _Wrong("нет сообщения.")
    if any(len(each) > LONGEST for each in (text, reply, told.get("right_reply", ""))):
        raise _Wrong(f"текст длиннее {LONGEST} знаков: «{_short(text)}».")
    meaning = None if author in _ASSISTANTS else _meaning(told)
    if meaning:
        if not text:
            raise _Wrong("нет сообщения клиента.")
        before = _intent(told["told"]) if told.get("told") else ""
        yield Found(place, text, meaning, before, is_right=before in ("", meaning.intent))
    if reply or told.get("right_reply"):
        yield _reply(place, text, reply, told)
    elif not meaning and not author:
        raise _Wrong(f"не указано намерение: «{_short(text)}».")


def _reply(place: str, text: str, reply: str, told: Mapping[str, str]) -> Found:
    right_reply, verdict = told.get("right_reply", ""), told.get("right", "")
    is_right = not right_reply if not verdict else _flag(verdict, "верно")
    if is_right and right_reply and right_reply != reply:
        raise _Wrong("ответ отмечен верным, но рядом стоит другой правильный ответ.")
    return Found(place, text, reply=reply, right_reply="" if is_right else right_reply, is_right=is_right)


def _meaning(told: Mapping[str, str]) -> Meaning | None:
    named = [each for each in re.split(r"[;,|\n]", told.get("intents", "") or told.get("intent", "")) if each.strip()]
    named += [each for each in re.split(r"[;,|\n]", told.get("also", "")) if each.strip()]
    if not named:
        return None
    first, *others = dict.fromkeys(_intent(each) for each in named)
    emotion = told.get("emotion", "").lower()
    if emotion not in _EMOTIONS:
        raise _Wrong(f"настроение «{_short(emotion)}» неизвестно; есть: спокоен, недоволен, доволен.")
    return Meaning(
        intent=first,
        also=tuple(each for each in others if each not in ("spam", "other")),
        urgency="high" if _flag(told.get("urgency", ""), "срочно") else "normal",
        price_sensitive=_flag(told.get("price_sensitive", ""), "важна цена"),
        emotion=_EMOTIONS[emotion],
    )


def _intent(word: str) -> str:
    found = _INTENTS.get(word.strip().lower())
    if found is None:
        raise _Wrong(f"намерение «{_short(word.strip())}» неизвестно; есть: {', '.join(LABELS.values())}.")
    return found


def _flag(word: str, column: str) -> bool:
    word = word.strip().lower()
    if word not in _YES | _NO:
        raise _Wrong(f"в столбце «{column}» стоит «{_short(word)}»; подойдут «да» и «нет».")
    return word in _YES


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:60].rstrip() + "…"


# --- Into the base ----------------------------------------------------------------------------------------------------


def mark_repeated(found: Iterable[Found]) -> list[Found]:
    """The same examples, with `same_as` where the very same stands in the base or earlier in the file."""
    rows = TrainingExample.objects.values_list("text", "intent", "reply", "right_reply")
    places = dict.fromkeys(rows, "уже есть")
    marked = []
    for each in found:
        key = (each.text, each.meaning.intent if each.meaning else "", each.reply, each.right_reply)
        marked.append(replace(each, same_as=places.get(key, "")))
        places.setdefault(key, f"повтор: {each.place[:1].lower()}{each.place[1:]}")
    return marked


@transaction.atomic
def add(found: Iterable[Found], *, by: str, now: datetime) -> int:
    """Keep what is not there yet; how many that were."""
    fresh = [each for each in mark_repeated(found) if not each.same_as]
    TrainingExample.objects.bulk_create(_row(each, by=by, now=now) for each in fresh)
    return len(fresh)


def _row(found: Found, *, by: str, now: datetime) -> TrainingExample:
    meaning = found.meaning or Meaning("")
    return TrainingExample(
        kind=Kind.MEANING if found.meaning else Kind.REPLY,
        source=TrainingExample.Source.IMPORT,
        text=found.text,
        told={"intent": found.told} if found.told else {},
        is_right=found.is_right,
        intent=meaning.intent,
        also=list(meaning.also),
        urgency=meaning.urgency,
        is_price_sensitive=meaning.price_sensitive,
        emotion=meaning.emotion,
        reply=found.reply,
        right_reply=found.right_reply,
        is_held_back=is_held_back(found.text),
        by=by[:120],
        created_at=now,
    )
