"""Numbers, days, prices and people in Russian words, as a client reads them. Pure; times are local or aware alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from assistant.understanding import DateTimeSlot

NO_BREAK = "\u00a0"  # between a number and its unit
THIN = "\u202f"  # narrow no-break, between thousands

MONTHS = (
    "января", "февраля", "марта", "апреля", "мая", "июня",
    "июля", "августа", "сентября", "октября", "ноября", "декабря",
)  # fmt: skip
ON_WEEKDAY = ("в понедельник", "во вторник", "в среду", "в четверг", "в пятницу", "в субботу", "в воскресенье")
SHORT_WEEKDAY = ("пн", "вт", "ср", "чт", "пт", "сб", "вс")
NEAR_DAYS = {0: "сегодня", 1: "завтра", 2: "послезавтра"}
YEAR_IS_CLEAR = timedelta(days=180)  # a day further away than this names its year


def plural(number: int, one: str, few: str, many: str) -> str:
    """The form that agrees with the number: 1 час, 2 часа, 5 часов."""
    tail = abs(number) % 100
    if 11 <= tail <= 14:
        return many
    return {1: one, 2: few, 3: few, 4: few}.get(tail % 10, many)


def count(number: int, one: str, few: str, many: str) -> str:
    """«2 часа», with a space that does not break."""
    return f"{number}{NO_BREAK}{plural(number, one, few, many)}"


def price(kopecks: int) -> str:
    """«1 500 ₽»; kopecks are shown only when there are some; nothing to pay is «бесплатно»."""
    if kopecks == 0:
        return "бесплатно"
    roubles, rest = divmod(kopecks, 100)
    whole = f"{roubles:,}".replace(",", THIN)
    return f"{whole},{rest:02d}{NO_BREAK}₽" if rest else f"{whole}{NO_BREAK}₽"


def price_range(kopecks: int, to_kopecks: int | None) -> str:
    """A price of the list: «1 500 ₽», or «от 1 500 до 3 000 ₽» where it depends on the work."""
    if to_kopecks is None or to_kopecks <= kopecks:
        return price(kopecks)
    lower = price(kopecks).removesuffix(f"{NO_BREAK}₽") if kopecks else "0"
    return f"от {lower} до {price(to_kopecks)}"


def duration(minutes: int) -> str:
    """«45 минут», «1 час 30 минут»."""
    hours, rest = divmod(minutes, 60)
    parts = [count(hours, "час", "часа", "часов")] if hours else []
    if rest or not hours:
        parts.append(count(rest, "минута", "минуты", "минут"))
    return " ".join(parts)


def listing(items: Sequence[str]) -> str:
    """«а, б и в»."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} и {items[-1]}"


def names(items: Sequence[str]) -> str:
    """«Женская стрижка и укладка»: names of things as one sentence has them."""
    return listing([*items[:1], *map(small, items[1:])])


def numbered(items: Iterable[str]) -> str:
    """One item a line with its number, as clients answer by it."""
    return "\n".join(f"{number}. {item}" for number, item in enumerate(items, start=1))


def bulleted(items: Iterable[str]) -> str:
    return "\n".join(f"• {item}" for item in items)


def capital(text: str) -> str:
    """The first letter large, the rest as it is."""
    return text[:1].upper() + text[1:]


def small(text: str) -> str:
    """The first letter small, unless a capital follows: «Женская» -> «женская», «УЗИ» stays."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def calendar_day(day: date, today: date) -> str:
    """«25 ноября», with the year when it is not clear without."""
    year = f" {day.year} года" if abs(day - today) > YEAR_IS_CLEAR else ""
    return f"{day.day}{NO_BREAK}{MONTHS[day.month - 1]}{year}"


def day(day: date, today: date) -> str:
    """«завтра, в среду 25 ноября», «в пятницу 27 ноября»."""
    weekday = f"{ON_WEEKDAY[day.weekday()]} {calendar_day(day, today)}"
    near = NEAR_DAYS.get((day - today).days)
    return f"{near}, {weekday}" if near else weekday


def clock(moment: datetime) -> str:
    """«15:00»."""
    return f"{moment:%H:%M}"


def moment(start: datetime, now: datetime) -> str:
    """«завтра, в среду 25 ноября, в 15:00»; both times in the same zone."""
    words = day(start.date(), now.date())
    comma = "," if "," in words else ""
    return f"{words}{comma} в{NO_BREAK}{clock(start)}"


def closed(apposition: str) -> str:
    """With the comma that ends «завтра, в среду 25 ноября,» inside a sentence."""
    return f"{apposition}," if "," in apposition and not re.search(r"\d\d:\d\d$", apposition) else apposition


def label(start: datetime) -> str:
    """A quick-reply label that stays true tomorrow: «ср 25 ноября, 15:00»."""
    return f"{SHORT_WEEKDAY[start.weekday()]} {start.day} {MONTHS[start.month - 1]}, {clock(start)}"


def wish(slot: DateTimeSlot, now: datetime) -> str:
    """What time a client wants, in our words: never the client's own, which may hold anything."""
    return interval(slot.start, slot.end, slot.grain, now)


def interval(start: datetime, end: datetime | None, grain: str, now: datetime) -> str:
    """A point, a part of a day, a day or several days, each as a person says it."""
    if grain == "asap" or end is None:
        return "в ближайшее время"
    if grain == "approx":
        middle = start + (end - start) / 2
        return f"{day(middle.date(), now.date())} около{NO_BREAK}{clock(middle)}"
    if end == start:
        return moment(start, now)
    last_day = (end - timedelta(seconds=1)).date()
    if last_day == start.date():
        if end - start >= timedelta(hours=11):
            return day(start.date(), now.date())
        closing = "24:00" if end.date() > last_day else clock(end)
        return f"{day(start.date(), now.date())} с{NO_BREAK}{clock(start)} до{NO_BREAK}{closing}"
    if start.month == last_day.month:
        return f"с{NO_BREAK}{start.day} по{NO_BREAK}{calendar_day(last_day, now.date())}"
    return f"с{NO_BREAK}{calendar_day(start.date(), now.date())} по{NO_BREAK}{calendar_day(last_day, now.date())}"


def phone(e164: str) -> str:
    """«+7 999 000-12-34» for a Russian number, anything else as it is."""
    if len(e164) == 12 and e164.startswith("+7"):
        return f"+7 {e164[2:5]} {e164[5:8]}-{e164[8:10]}-{e164[10:]}".replace(" ", NO_BREAK)
    return e164


def phone_tail(e164: str) -> str:
    """The last four digits, enough for the owner of the number and nobody else: «…12-34»."""
    return f"…{e164[-4:-2]}-{e164[-2:]}"
