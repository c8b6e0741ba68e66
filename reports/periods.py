"""Stretches of local days that figures stand for, and what they are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.formats import date_format

DAY = timedelta(days=1)
LONGEST = 366  # days
CHOICES = {"today": 1, "7": 7, "30": 30}
DEFAULT = "7"


class WrongPeriod(ValueError):
    """The days asked for cannot be shown; str() says why in Russian."""


@dataclass(frozen=True)
class Period:
    """Local days from `first` to `last`, both included. `key`: the choice it came from, `custom` for any other."""

    first: date
    last: date
    key: str = "custom"

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def days(self) -> list[date]:
        return [self.first + DAY * number for number in range(self.length)]

    @property
    def before(self) -> Period:
        """As many days, right before."""
        return Period(self.first - DAY * self.length, self.first - DAY)

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        """«25 ноября 2026», «19–25 ноября 2026», «28 октября – 25 ноября 2026»."""
        first, last = self.first, self.last
        end = date_format(last, "j E Y")
        if first == last:
            return end
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day}–{end}"
        return f"{date_format(first, 'j E' if first.year == last.year else 'j E Y')} – {end}"


def chosen(query: Mapping[str, str], today: date) -> Period:
    """The period a page's address asks for: `period` (today, 7, 30), or `from` and `to` as ISO days.

    Days to come are cut off. Raises WrongPeriod."""
    if query.get("from") or query.get("to"):
        return _custom(query.get("from", ""), query.get("to", ""), today)
    key = query.get("period", DEFAULT)
    key = key if key in CHOICES else DEFAULT
    return Period(today - DAY * (CHOICES[key] - 1), today, key)


def _custom(first_text: str, last_text: str, today: date) -> Period:
    try:
        first, last = date.fromisoformat(first_text), date.fromisoformat(last_text)
    except ValueError:
        raise WrongPeriod("Укажите обе даты: с какого дня и по какой.") from None
    if first > today:
        raise WrongPeriod("Этот период ещё не наступил.")
    if first > last:
        raise WrongPeriod("Первый день позже последнего.")
    last = min(last, today)
    if (last - first).days >= LONGEST:
        raise WrongPeriod("Период длиннее года: выберите не больше 366 дней.")
    known = (key for key, length in CHOICES.items() if last == today and (last - first).days + 1 == length)
    return Period(first, last, next(known, "custom"))
